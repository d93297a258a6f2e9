#include "netns/firewall/leak_meter.hpp"

#include <utility>

namespace vpn_sentinel {

Result<LeakMeter> LeakMeter::install(const SocketOpener& opener, std::string id, const FirewallPolicy& policy) {
  auto tables = OutsideTables::open(opener, OutsideAction::count, std::move(id), nft::flag_owner, true);
  if (!tables) return fail(tables.error());
  // Before it can fail, so that nothing half is left behind.
  LeakMeter meter{std::move(*tables)};
  if (auto done = meter.tables_->install(policy); !done) return fail(done.error());
  return meter;
}

LeakMeter& LeakMeter::operator=(LeakMeter&& other) noexcept {
  std::swap(tables_, other.tables_);
  return *this;
}

LeakMeter::~LeakMeter() {
  // Where it cannot be taken away there is nobody to tell: an owner's table goes with the socket all the same.
  if (tables_ && tables_->is_installed()) (void)tables_->remove_own();
}

Result<LeakCounters> LeakMeter::read(std::size_t top) {
  auto counters = tables_->read();
  if (counters) keep_top(*counters, top);
  return counters;
}

Result<LeakCounters> LeakMeter::read_totals() { return tables_->read_totals(); }

bool LeakMeter::rings() const noexcept { return tables_->rings(); }

Result<void> LeakMeter::rearm() { return tables_->rearm(); }

bool LeakMeter::is_owned() const noexcept { return (tables_->flags() & nft::flag_owner) != 0; }

Result<void> LeakMeter::update(const FirewallPolicy& policy) { return tables_->update(policy); }

Result<void> LeakMeter::verify() { return tables_->verify(); }

const std::optional<Error>& LeakMeter::egress_gap() const noexcept { return tables_->egress_gap(); }

}  // namespace vpn_sentinel
