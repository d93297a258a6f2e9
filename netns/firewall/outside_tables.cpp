#include "netns/firewall/outside_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "netns/firewall/egress_support.hpp"
#include "netns/firewall/nft_batch.hpp"
#include "netns/firewall/nft_dump.hpp"

namespace vpn_sentinel {
namespace {

using nft::TableName;

constexpr std::array<std::uint8_t, 2> families{nft::family_inet, nft::family_netdev};

std::string_view purpose_of(OutsideAction action) { return action == OutsideAction::count ? "count packets" : "hold packets back"; }

nft::Batch next_batch(nft::Socket& socket) { return nft::Batch{++socket.sequence}; }

/// That something is other than it should be, or gone; else it could not be looked at.
bool is_difference(const Error& error) { return error.kind == Error::Kind::failed || error.kind == Error::Kind::not_found; }

Result<void> commit_batch(nft::Socket& socket, nft::Batch& batch, std::string_view purpose) {
  auto done = nft::commit(socket, batch, purpose);
  socket.sequence = batch.last_sequence() + 1;
  return done;
}

}  // namespace

Result<OutsideTables> OutsideTables::open(const SocketOpener& opener, OutsideAction action, std::string id, std::uint32_t flags,
                                          bool rings) {
  if (auto checked = check_firewall_id(id); !checked) return fail(checked.error());
  auto socket = nft::open_nft(opener);
  if (!socket) return fail(socket.error());
  OutsideTables tables{std::move(*socket), action, std::move(id), flags, rings};
  tables.egress_problem_ = this_kernels_egress_gap();
  return tables;
}

std::string_view OutsideTables::purpose() const noexcept { return purpose_of(action_); }

std::vector<JudgedDevice> OutsideTables::devices_of(const FirewallPolicy& policy) const {
  std::vector<JudgedDevice> devices;
  for (const auto& name : policy.uplinks) {
    if (const auto index = nft::device_index(socket_, name)) devices.push_back({name, *index});
  }
  return devices;
}

std::vector<nft::Ruleset> OutsideTables::rulesets(const FirewallPolicy& policy, bool egress, std::uint32_t flags) const {
  std::vector<nft::Ruleset> all;
  // What is dropped first never gets to its device; what is counted goes on, and would be counted again there.
  const bool shared = egress && action_ == OutsideAction::count;
  all.push_back(output_ruleset(action_, id_, policy, flags, rings_, shared ? devices_of(policy) : std::vector<JudgedDevice>{}));
  if (egress) all.push_back(egress_ruleset(action_, id_, policy, flags, rings_));
  return all;
}

Result<std::vector<nft::Table>> OutsideTables::present() {
  std::vector<nft::Table> tables;
  for (const auto family : families) {
    const auto table = nft::read_table(socket_, {family, firewall_table_name(action_, id_)}, purpose());
    if (!table) return fail(table.error());
    if (*table) tables.push_back(**table);
  }
  return tables;
}

Result<void> OutsideTables::replace(const std::vector<nft::Ruleset>& rulesets) {
  for (bool again = false;; again = true) {
    const auto old = present();
    if (!old) return fail(old.error());
    auto batch = next_batch(socket_);
    for (const auto& table : *old) batch.remove(table.name);
    for (const auto& ruleset : rulesets) batch.add(ruleset);
    auto done = commit_batch(socket_, batch, purpose());
    // Somebody took an old table away after it was read.
    const bool gone = !done && done.error().kind == Error::Kind::not_found && !old->empty();
    if (!gone || again) return done;
  }
}

Result<void> OutsideTables::install(const FirewallPolicy& policy) {
  auto done = install(policy, Part::whole);
  if (!done) return done;
  auto same = verify();
  if (same || !is_difference(same.error())) return same;
  // Another process made the same tables after they were looked for, and the rules of both stand in them: now they are seen, and replaced.
  done = install(policy, Part::whole);
  return done ? verify() : done;
}

Result<std::optional<std::string>> OutsideTables::judging() {
  const auto there = present();
  if (!there) return fail(there.error());
  for (const auto& table : *there) {
    const auto found = nft::read_ruleset(socket_, table.name, purpose());
    if (!found) return fail(found.error());
    const bool judges =
        std::any_of(found->chains.begin(), found->chains.end(), [](const nft::Chain& chain) { return chain.hook.has_value(); });
    if (judges) return std::optional(table.name.to_string());
  }
  return std::optional<std::string>();
}

Result<void> OutsideTables::prepare(const FirewallPolicy& policy) {
  const auto judges = judging();
  if (!judges) return fail(judges.error());
  if (*judges) return fail(Error::Kind::failed, "table " + **judges + " judges packets already");
  auto done = install(policy, Part::without_hooks);
  if (!done) return done;
  for (const auto& ruleset : prepared_) {
    if (auto same = nft::verify_ruleset(socket_, without_hooks(ruleset), purpose()); !same) return same;
  }
  return {};
}

Result<void> OutsideTables::activate(const FirewallPolicy& policy) {
  if (!is_ready_for(policy)) return install(policy);
  auto batch = next_batch(socket_);
  for (const auto& ruleset : prepared_) {
    const auto hooks = only_hooks(ruleset);
    for (const auto& chain : hooks.chains) batch.add(ruleset.table.name, chain);
    for (const auto& rule : hooks.rules) batch.add(ruleset.table.name, rule);
  }
  const auto done = commit_batch(socket_, batch, purpose());
  installed_ = std::move(prepared_);
  prepared_.clear();
  // Whatever others did to the tables meanwhile, they are closed afterwards.
  if (done && verify()) return {};
  return install(policy);
}

Result<bool> OutsideTables::is_prepared(const FirewallPolicy& policy) {
  if (auto checked = check_policy(policy); !checked) return fail(checked.error());
  const auto there = present();
  if (!there) return fail(there.error());
  if (there->empty()) return false;
  for (const auto& ruleset : rulesets(policy, !policy.uplinks.empty(), 0)) {
    const bool exists =
        std::any_of(there->begin(), there->end(), [&](const nft::Table& table) { return table.name == ruleset.table.name; });
    // Where the kernel has no such table, prepare() made none.
    if (!exists && ruleset.table.name.family == nft::family_netdev) continue;
    const auto same = nft::verify_ruleset(socket_, without_hooks(ruleset), purpose());
    if (!same && is_difference(same.error())) return false;
    if (!same) return fail(same.error());
  }
  return there->size() == 1 || !policy.uplinks.empty();
}

Result<void> OutsideTables::install(const FirewallPolicy& policy, Part part) {
  if (auto checked = check_policy(policy); !checked) return checked;
  auto done = install_with_flags(policy, part);
  if (done || !rings_ || done.error().kind == Error::Kind::not_permitted) return done;
  // A kernel without quotas counts all the same.
  rings_ = false;
  return install_with_flags(policy, part);
}

Result<void> OutsideTables::install_with_flags(const FirewallPolicy& policy, Part part) {
  std::vector<std::uint32_t> flags_to_try{wanted_flags_};
  if (wanted_flags_ != 0) flags_to_try.push_back(0);
  Result<void> done;
  for (const auto flags : flags_to_try) {
    done = install(policy, part, flags);
    // An older kernel says that it does not know the flags by one of these; who may not will not be allowed without them either.
    const bool unknown = !done && (done.error().kind == Error::Kind::unavailable || done.error().kind == Error::Kind::invalid);
    if (!unknown) break;
  }
  return done;
}

Result<void> OutsideTables::put_in_place(const FirewallPolicy& policy, Part part, std::uint32_t flags) {
  auto wanted = rulesets(policy, !policy.uplinks.empty(), flags);
  auto written = wanted;
  if (part == Part::without_hooks) std::transform(wanted.begin(), wanted.end(), written.begin(), without_hooks);
  // What the old tables counted goes on in the tally; somebody may have taken them away.
  if (is_installed()) (void)read();
  auto done = replace(written);
  if (!done) return done;
  tally_.restart(mono_now());
  elsewhere_ = devices_of(policy);
  installed_.clear();
  prepared_.clear();
  (part == Part::whole ? installed_ : prepared_) = std::move(wanted);
  return done;
}

Result<void> OutsideTables::install(const FirewallPolicy& policy, Part part, std::uint32_t flags) {
  auto judged = policy;  // with the uplinks that can be
  std::optional<Error> gap;
  if (!policy.uplinks.empty() && egress_problem_) {
    gap = egress_problem_;
    judged.uplinks.clear();
  }
  auto done = put_in_place(judged, part, flags);
  const auto again_without = [&](std::vector<std::string> uplinks, Error why) {
    gap = std::move(why);
    judged.uplinks = std::move(uplinks);
    done = put_in_place(judged, part, flags);
  };
  const auto failed_with = [&](std::initializer_list<Error::Kind> kinds) {
    return !done && !judged.uplinks.empty() && std::find(kinds.begin(), kinds.end(), done.error().kind) != kinds.end();
  };
  if (failed_with({Error::Kind::not_found})) again_without(existing(policy.uplinks), done.error());
  if (failed_with({Error::Kind::unavailable, Error::Kind::invalid})) again_without({}, done.error());
  if (!done && !judged.uplinks.empty() && done.error().kind != Error::Kind::not_permitted) {
    // Nobody knows why: what is there already is better than half of it.
    const auto there = present();
    if (!there || !there->empty()) return done;
    again_without({}, done.error());
  }
  if (!done) return done;
  flags_ = flags;
  policy_ = policy;
  egress_gap_ = std::move(gap);
  return note_handles();
}

std::vector<std::string> OutsideTables::existing(const std::vector<std::string>& devices) const {
  std::vector<std::string> there;
  std::copy_if(devices.begin(), devices.end(), std::back_inserter(there),
               [&](const std::string& device) { return nft::device_index(socket_, device).has_value(); });
  return there;
}

Result<void> OutsideTables::note_handles() {
  if (action_ == OutsideAction::drop) return {};
  const auto tables = present();
  if (!tables) return fail(tables.error());
  made_.clear();
  for (const auto& table : *tables) made_.push_back(table.handle);
  return {};
}

Result<void> OutsideTables::compare(const nft::Ruleset& wanted) {
  auto same = nft::verify_ruleset(socket_, wanted, purpose());
  if (same || !is_difference(same.error()) || wanted.table.name.family != nft::family_netdev) return same;
  // A device that went away takes its place in the chain along on older kernels, and the last one the chain.
  auto there = wanted;
  bool all = true;
  for (auto& chain : there.chains) {
    if (!chain.hook) continue;
    auto devices = existing(chain.hook->devices);
    all = all && devices.size() == chain.hook->devices.size();
    chain.hook->devices = std::move(devices);
  }
  if (all) return same;
  const bool none = std::all_of(there.chains.begin(), there.chains.end(),
                                [](const nft::Chain& chain) { return !chain.hook || chain.hook->devices.empty(); });
  return nft::verify_ruleset(socket_, none ? without_hooks(there) : there, purpose());
}

Result<void> OutsideTables::compare(const std::vector<nft::Ruleset>& rulesets) {
  for (const auto& ruleset : rulesets) {
    if (auto same = compare(ruleset); !same) return same;
  }
  return {};
}

Result<void> OutsideTables::compare(const FirewallPolicy& policy) {
  if (auto checked = check_policy(policy); !checked) return checked;
  return compare(rulesets(policy, !policy.uplinks.empty(), 0));
}

Result<void> OutsideTables::check_owner(const std::vector<nft::Table>& tables) const {
  for (const auto& table : tables) {
    if (table.owner == 0 || table.owner == socket_.netlink.port) continue;
    return fail(Error::Kind::not_permitted,
                fmt::format("table {} belongs to another program that still runs (netlink port {})", table.name.to_string(), table.owner));
  }
  return {};
}

Result<bool> OutsideTables::adopt(const FirewallPolicy& policy) {
  if (auto checked = check_policy(policy); !checked) return fail(checked.error());
  auto judged = policy;  // as install() does
  if (egress_problem_) judged.uplinks.clear();
  auto wanted = rulesets(judged, !judged.uplinks.empty(), 0);
  const auto there = present();
  if (!there) return fail(there.error());
  // One too many (of uplinks that are not named any more) would go on dropping unseen.
  if (there->size() != wanted.size()) return false;
  if (auto ours = check_owner(*there); !ours) return fail(ours.error());
  const auto same = compare(wanted);
  if (!same && is_difference(same.error())) return false;
  if (!same) return fail(same.error());
  installed_ = std::move(wanted);
  prepared_.clear();
  flags_ = 0;
  policy_ = policy;
  egress_gap_ = policy.uplinks.empty() ? std::nullopt : egress_problem_;
  return true;
}

Result<void> OutsideTables::exchange_rules(const std::vector<nft::Ruleset>& rulesets) {
  auto batch = next_batch(socket_);
  for (const auto& ruleset : rulesets) {
    batch.remove_rules(ruleset.table.name);
    for (const auto& rule : ruleset.rules) batch.add(ruleset.table.name, rule);
  }
  return commit_batch(socket_, batch, purpose());
}

Result<void> OutsideTables::update(const FirewallPolicy& policy) {
  if (auto checked = check_policy(policy); !checked) return checked;
  const bool some_were_missing = egress_gap_ && egress_gap_->kind == Error::Kind::not_found;
  if (!is_installed() || policy_.uplinks != policy.uplinks || some_were_missing) return install(policy);
  auto wanted = rulesets(policy, has_egress(), flags_);
  if (auto done = exchange_rules(wanted); !done) {
    if (done.error().kind == Error::Kind::not_found) return install(policy);
    return done;
  }
  installed_ = std::move(wanted);
  elsewhere_ = devices_of(policy);
  policy_ = policy;
  // Whoever changed chains or sets meanwhile: then everything is made anew.
  if (verify()) return {};
  return install(policy);
}

Result<void> OutsideTables::verify() {
  if (!is_installed()) return fail(Error::Kind::not_found, "no table was put in place");
  if (action_ == OutsideAction::count && has_egress() && devices_of(policy_) != elsewhere_) {
    return fail(Error::Kind::failed, "an uplink came, went away, or is another device by now");
  }
  return compare(installed_);
}

Result<LeakCounters> OutsideTables::read(const TableName& table, Detail detail) {
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

Result<void> OutsideTables::remove(const std::vector<nft::Table>& tables) {
  if (tables.empty()) return {};
  auto batch = next_batch(socket_);
  for (const auto& table : tables) batch.remove(table.name);
  return commit_batch(socket_, batch, purpose());
}

Result<void> OutsideTables::remove() {
  constexpr int tries = 2;
  for (int i = 0; i < tries; ++i) {
    const auto tables = present();
    if (!tables) return fail(tables.error());
    auto done = remove(*tables);
    // That somebody else was faster is no error: it is looked at once more.
    if (!done && done.error().kind != Error::Kind::not_found) return done;
    if (done) break;
  }
  installed_.clear();
  prepared_.clear();
  egress_gap_.reset();
  tally_ = {};
  const auto left = exists();
  if (!left) return fail(left.error());
  if (*left) return fail(Error::Kind::failed, "the table was made anew by somebody while it was taken away");
  return {};
}

Result<void> OutsideTables::remove_own() {
  auto tables = present();
  if (!tables) return fail(tables.error());
  std::erase_if(*tables, [&](const nft::Table& table) {
    const bool made_here = std::find(made_.begin(), made_.end(), table.handle) != made_.end();
    return table.owner == 0 ? !made_here : table.owner != socket_.netlink.port;
  });
  return remove(*tables);
}

Result<std::vector<std::string>> outside_table_ids(const SocketOpener& opener, OutsideAction action) {
  auto socket = nft::open_nft(opener);
  if (!socket) return fail(socket.error());
  std::set<std::string> ids;
  for (const auto family : families) {
    const auto tables = nft::list_tables(*socket, family, purpose_of(action));
    if (!tables) return fail(tables.error());
    for (const auto& table : *tables) {
      if (is_firewall_table(action, table.name.name)) ids.insert(firewall_id_of(action, table.name.name));
    }
  }
  return std::vector<std::string>(ids.begin(), ids.end());
}

Result<std::size_t> remove_outside_tables(const SocketOpener& opener, OutsideAction action, OwnedTables owned) {
  auto socket = nft::open_nft(opener);
  if (!socket) return fail(socket.error());
  std::size_t removed = 0;
  std::optional<Error> refused;
  for (const auto family : families) {
    const auto tables = nft::list_tables(*socket, family, purpose_of(action));
    if (!tables) return fail(tables.error());
    for (const auto& table : *tables) {
      if (!is_firewall_table(action, table.name.name) || (owned == OwnedTables::stay && table.owner != 0)) continue;
      auto batch = next_batch(*socket);
      batch.remove(table.name);
      const auto done = commit_batch(*socket, batch, purpose_of(action));
      if (done) ++removed;
      if (!done && done.error().kind != Error::Kind::not_found) refused = done.error();
    }
  }
  if (refused) return fail(*refused);
  return removed;
}

}  // namespace vpn_sentinel
