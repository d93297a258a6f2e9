#include "netns/firewall/outside_tables.hpp"

#include <algorithm>
#include <iterator>

#include "netns/firewall/egress_support.hpp"
#include "netns/firewall/nft_dump.hpp"
#include "netns/firewall/outside_batch.hpp"

namespace vpn_sentinel {

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
  for (const auto family : outside_families) {
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

}  // namespace vpn_sentinel
