#include "netns/firewall/outside_tables.hpp"

#include <algorithm>

#include "netns/firewall/nft_dump.hpp"

namespace vpn_sentinel {

Result<LeakCounters> OutsideTables::read(const nft::TableName& table, Detail detail) {
  const auto counters = nft::read_counters(socket_, table, purpose());
  if (!counters) return fail(counters.error());
  if (counters->empty()) return fail(Error::Kind::not_found, "table " + table.to_string() + " is gone");
  if (detail == Detail::totals) return make_leak_counters(*counters, {}, {});
  const auto v4 = nft::read_elements(socket_, table, std::string(leak_names::seen_v4), purpose());
  if (!v4) return fail(v4.error());
  const auto v6 = nft::read_elements(socket_, table, std::string(leak_names::seen_v6), purpose());
  if (!v6) return fail(v6.error());
  return make_leak_counters(*counters, *v4, *v6);
}

Result<LeakCounters> OutsideTables::read() { return read(Detail::destinations); }

Result<LeakCounters> OutsideTables::read_totals() { return read(Detail::totals); }

Result<void> OutsideTables::rearm() {
  if (!rings_) return {};
  for (const auto& ruleset : installed_) {
    if (auto done = nft::reset_quota(socket_, ruleset.table.name, std::string(leak_names::bell), purpose()); !done) return done;
  }
  return {};
}

Result<LeakCounters> OutsideTables::read(Detail detail) {
  if (!is_installed()) return fail(Error::Kind::not_found, "no table was put in place");
  for (std::size_t i = 0; i < installed_.size(); ++i) {
    const auto counters = read(installed_[i].table.name, detail);
    if (!counters) return fail(counters.error());
    if (detail == Detail::totals) {
      tally_.take_totals(i, *counters);
    } else {
      tally_.take(i, *counters);
    }
  }
  return tally_.total(action_ == OutsideAction::drop, mono_now());
}

Result<Traffic> OutsideTables::count_there(const Endpoint& destination) {
  const auto tables = present();
  if (!tables) return fail(tables.error());
  const auto family = destination.address.family();
  const std::string set{family == Family::v4 ? leak_names::seen_v4 : leak_names::seen_v6};
  Traffic sum;
  for (const auto& table : *tables) {
    const auto elements = nft::read_elements(socket_, table.name, set, purpose());
    if (!elements && elements.error().kind == Error::Kind::not_found) continue;  // somebody else's tables under our name
    if (!elements) return fail(elements.error());
    for (const auto& element : *elements) {
      const auto noted = decode_destination(element, family);
      if (!noted || noted->address != destination.address || noted->port != destination.port) continue;
      sum.packets += noted->traffic.packets;
      sum.bytes += noted->traffic.bytes;
    }
  }
  return sum;
}

Result<bool> OutsideTables::exists() {
  const auto tables = present();
  if (!tables) return fail(tables.error());
  return !tables->empty();
}

Result<bool> OutsideTables::exists_at_uplinks() {
  const auto tables = present();
  if (!tables) return fail(tables.error());
  return std::any_of(tables->begin(), tables->end(), [](const nft::Table& table) { return table.name.family == nft::family_netdev; });
}

}  // namespace vpn_sentinel
