#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include "netns/namespace/net_namespace.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/one_look.hpp"
#include "probe/app/output.hpp"
#include "probe/app/target_names.hpp"
#include "probe/watch/kill_switch_proof.hpp"
#include "probe/watch/kill_switch_record.hpp"
#include "probe/watch/wanted_policy.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int exit_not_armed = 1;
constexpr int exit_not_holding = 2;
constexpr auto longest_kill_switch_look = 5s;
/// A daemon looks for the user's word once a second; who puts the tables there again does it within that time.
constexpr auto longest_owned = 3s;
constexpr auto watched_after = 1200ms;
constexpr auto between_tries = 50ms;

void print_json(const json& value) { print_out(fmt::format("{}\n", value.dump(2, ' ', false, json::error_handler_t::replace))); }

std::string way_out(const std::string& id) {
  return fmt::format("nft delete table inet vpn-sentinel-{0}-killswitch; nft delete table netdev vpn-sentinel-{0}-killswitch", id);
}

/// Containers are found by a look only; for everything else less has to work.
class Opened {
 public:
  explicit Opened(const TargetPolicy& policy) {
    if (policy.netns.kind != NamespaceRef::Kind::container) {
      const auto space = NetNamespace::open(policy.netns);
      opener = space ? Result<SocketOpener>(space->opener()) : fail(space.error());
      return;
    }
    look_.emplace(policy);
    const auto& watch = look_->run(longest_kill_switch_look);
    if (watch.opener()) {
      opener = *watch.opener();
    } else if (watch.seen().blind) {
      opener = fail(*watch.seen().blind);
    }
  }
  Result<SocketOpener> opener = fail(Error::Kind::not_found, "the namespace is gone");

 private:
  std::optional<OneLook> look_;
};

// disarm

struct Disarming {
  std::vector<std::string> ids;
  std::size_t tables = 0;
  std::string trouble;   ///< why something is still held back, or may be again; empty: nothing is
  std::string unmarked;  ///< why no word could be left for a daemon; empty: it was
};

/// The word comes first: a daemon that sees its tables go looks for it.
std::string leave_word(const std::string& folder, const std::vector<std::string>& ids) {
  std::string trouble;
  for (const auto& id : ids) {
    const KillSwitchRecord record(folder, id);
    if (const auto marked = record.mark_disarmed(); !marked) trouble = marked.error().message;
    record.forget_policy();
  }
  return trouble;
}

Result<void> take_away(const SocketOpener& opener, Disarming& done) {
  const auto deadline = mono_now() + longest_owned;
  for (;;) {
    const auto taken = disarm_all(opener);
    if (taken) {
      done.tables += *taken;
      return {};
    }
    if (taken.error().kind != Error::Kind::not_permitted || mono_now() > deadline) return fail(taken.error());
    std::this_thread::sleep_for(between_tries);
  }
}

Result<Disarming> disarm(const SocketOpener& opener, const std::string& folder, const std::string& own_id) {
  Disarming done;
  auto ids = kill_switch_ids(opener);
  if (!ids) return fail(ids.error());
  done.ids = *ids;
  auto told = done.ids;
  if (!own_id.empty() && std::ranges::find(told, own_id) == told.end()) told.push_back(own_id);
  done.unmarked = leave_word(folder, told);
  if (done.ids.empty()) return done;
  if (auto taken = take_away(opener, done); !taken) return fail(taken.error());
  const auto deadline = mono_now() + watched_after;
  while (mono_now() < deadline) {
    std::this_thread::sleep_for(between_tries);
    const auto again = kill_switch_ids(opener);
    if (!again) return fail(again.error());
    if (again->empty()) continue;
    done.trouble =
        fmt::format("somebody armed {} again: stop that probe, or give VPN_SENTINEL_DATA_DIR as it has it", fmt::join(*again, ", "));
    break;
  }
  return done;
}

int tell_disarmed(const std::string& name, const Result<Disarming>& done, bool as_json) {
  if (!done) return could_not_look(name, done.error().message);
  if (!done->unmarked.empty()) {
    fmt::print(stderr, "vpn-sentinel-probe: warning: a daemon may arm it again, no word could be left for it: {}\n", done->unmarked);
  }
  const std::string_view lasting = done->unmarked.empty() ? ", and a daemon will not arm it until 'killswitch arm'" : "";
  if (as_json) {
    json value{{"target", name}, {"disarmed", done->trouble.empty()}, {"tables", done->tables}, {"ids", done->ids}};
    if (!done->trouble.empty()) value["trouble"] = done->trouble;
    print_json(value);
  } else if (!done->trouble.empty()) {
    fmt::print(stderr, "vpn-sentinel-probe: {}: {}\n", name, done->trouble);
  } else if (done->ids.empty()) {
    print_out(fmt::format("{}: there was no kill switch{}\n", name, lasting));
  } else {
    print_out(fmt::format("{}: disarmed ({}, {} tables); nothing is held back any more{}\n", name, fmt::join(done->ids, ", "), done->tables,
                          lasting));
  }
  return done->trouble.empty() ? 0 : exit_not_holding;
}

// status

struct Standing {
  std::string state = "off";  ///< off, prepared, armed, changed, not holding, unknown
  std::string why;
  std::optional<FirewallPolicy> policy;
  LeakCounters stopped;
  std::optional<KillSwitchProof> proof{};  ///< of an armed one
  std::vector<std::string> others;         ///< ids of kill switches beside the target's own
};

std::string_view word_of(CanaryOutcome outcome) {
  switch (outcome) {
    case CanaryOutcome::held:
      return "held";
    case CanaryOutcome::no_way_out:
      return "no way out";
    case CanaryOutcome::refused:
      return "refused by other rules";
    case CanaryOutcome::may_leave:
      return "not sent, it might leave on purpose";
    case CanaryOutcome::left:
      break;
  }
  return "left";
}

void prove(const KillSwitch& kill_switch, Standing& standing) {
  standing.proof = prove_by_canaries(kill_switch, *standing.policy);
  if (standing.proof->verdict != Proof::broken) return;
  standing.state = "not holding";
  standing.why = standing.proof->why;
}

std::string_view word_of(Proof proof) {
  switch (proof) {
    case Proof::holds:
      return "holds";
    case Proof::unproven:
      return "unproven";
    case Proof::broken:
      break;
  }
  return "broken";
}

Result<Standing> look_at(const SocketOpener& opener, const std::string& id, const KillSwitchRecord& record, bool send) {
  Standing standing;
  auto ids = kill_switch_ids(opener);
  if (!ids) return fail(ids.error());
  const bool there = std::erase(*ids, id) > 0;
  standing.others = std::move(*ids);
  if (!there) return standing;
  auto kill_switch = KillSwitch::open(opener, id);
  if (!kill_switch) return fail(kill_switch.error());
  standing.policy = record.policy();
  if (!standing.policy) {
    standing.state = "prepared";
    if (!kill_switch->judges().value_or(true)) return standing;
    standing.state = "unknown";
    standing.why = "it is there, and this data folder does not know with which rules it was armed";
    return standing;
  }
  const auto status = kill_switch->status(*standing.policy);
  if (!status) return fail(status.error());
  using State = KillSwitchStatus::State;
  standing.why = status->difference;
  if (status->state == State::changed) standing.state = "changed";
  if (status->state == State::prepared) standing.state = "prepared";
  if (status->state != State::armed) return standing;
  standing.state = "armed";
  if (kill_switch->adopt(*standing.policy).value_or(false)) {
    if (auto stopped = kill_switch->stopped()) standing.stopped = std::move(*stopped);
  }
  if (send) prove(*kill_switch, standing);
  return standing;
}

json json_of(const std::string& name, const Standing& standing, const std::optional<WallTime>& disarmed) {
  json value{{"target", name}, {"state", standing.state}, {"others", standing.others}};
  if (!standing.why.empty()) value["why"] = standing.why;
  if (disarmed) value["disarmed"] = to_rfc3339(*disarmed);
  if (standing.policy) value["policy"] = to_json(*standing.policy);
  value["stopped"] = {{"packets", standing.stopped.outside().packets}, {"bytes", standing.stopped.outside().bytes}};
  value["canaries"] = json::array();
  if (!standing.proof) return value;
  value["proof"] = word_of(standing.proof->verdict);
  if (standing.proof->verdict == Proof::unproven) value["unproven"] = standing.proof->why;
  for (const auto& canary : standing.proof->canaries) {
    value["canaries"].push_back({{"device", canary.device},
                                 {"ip", canary.family == Family::v4 ? 4 : 6},
                                 {"by_packet_socket", canary.by_packet_socket},
                                 {"outcome", word_of(canary.outcome)}});
  }
  return value;
}

std::string proof_text(const KillSwitchProof& proof) {
  std::string text;
  for (const auto& canary : proof.canaries) text += fmt::format("  canary {}: {}\n", name_of(canary), word_of(canary.outcome));
  if (proof.verdict == Proof::holds) text += "  proved: a canary was held back, and none left\n";
  if (proof.verdict == Proof::unproven) text += fmt::format("  not proved: {}\n", proof.why);
  return text;
}

std::string text_of(const std::string& name, const std::string& id, const Standing& standing, const std::optional<WallTime>& disarmed) {
  auto text = fmt::format("{}: {}{}{}\n", name, standing.state, standing.why.empty() ? "" : ", ", standing.why);
  if (disarmed) text += fmt::format("  disarmed by hand {}; 'killswitch arm' ends that\n", to_rfc3339(*disarmed));
  if (standing.policy && standing.state != "off") {
    std::vector<std::string> servers;
    for (const auto& endpoint : standing.policy->endpoints) servers.push_back(endpoint.address.to_string());
    text +=
        fmt::format("  lets out: tunnel {}; VPN server {}; {} local networks\n", fmt::join(standing.policy->tunnels, ", "),
                    servers.empty() ? "none known" : fmt::format("{}", fmt::join(servers, ", ")), standing.policy->local_networks.size());
    const auto sum = standing.stopped.outside();
    text += fmt::format("  stopped: {} packets, {} bytes (canaries included)\n", sum.packets, sum.bytes);
  }
  if (standing.proof) text += proof_text(*standing.proof);
  for (const auto& other : standing.others) text += fmt::format("  beside it: kill switch {} of another probe\n", other);
  if (standing.state != "off") text += fmt::format("  to get out: vpn-sentinel-probe killswitch disarm, or {}\n", way_out(id));
  return text;
}

int exit_of(const Standing& standing) {
  if (standing.state == "armed") return 0;
  return standing.state == "off" || standing.state == "prepared" ? exit_not_armed : exit_not_holding;
}

int tell(const TargetPolicy& policy, const std::string& id, const Standing& standing, const KillSwitchRecord& record, bool as_json) {
  if (as_json) {
    print_json(json_of(name_of(policy), standing, record.disarmed()));
  } else {
    print_out(text_of(name_of(policy), id, standing, record.disarmed()));
  }
  return exit_of(standing);
}

// arm

/// As a daemon makes it, so that its next look finds nothing to change.
Result<FirewallPolicy> policy_of(const TargetWatch& watch, const TargetPolicy& target, const KillSwitchRecord& record,
                                 WantedPolicy& wanted) {
  const auto& seen = watch.seen();
  if (seen.blind) return fail(*seen.blind);
  if (const auto remembered = record.policy()) wanted.restore(*remembered, record.hubs(), mono_now());
  return wanted.complete(seen_outside(seen, target, watch.tunnel_carries()), !watch.has_separate_uplink(), mono_now());
}

void warn(std::string_view text) { fmt::print(stderr, "vpn-sentinel-probe: warning: {}\n", text); }

/// What the user has to know of what he armed.
void warn_of(const FirewallPolicy& wanted, const TargetPolicy& target, std::size_t hubs) {
  if (wanted.tunnels.front() == no_known_tunnel) {
    warn("no tunnel is known, so everything is outside; name it in VPN_SENTINEL_TUNNEL");
  }
  if (wanted.endpoints.size() <= hubs && !wanted.uplinks.empty()) {
    warn("no VPN server is known, so the VPN may be unable to connect; name it in VPN_SENTINEL_ENDPOINT");
  }
  if (target.kill_switch.mode == KillSwitchMode::off) {
    warn(
        "VPN_SENTINEL_KILL_SWITCH is off, so no daemon tends it: it learns no new VPN server, and nobody puts it back when it is taken "
        "away");
  }
  if (target.kill_switch.mode == KillSwitchMode::on_danger) {
    warn(
        "VPN_SENTINEL_KILL_SWITCH is on-danger, so a daemon opens it again as soon as the target is safe and nothing has tried to leave "
        "for a minute");
  }
}

int arm(const TargetPolicy& target, const std::string& id, const KillSwitchRecord& record, bool as_json) {
  OneLook look(target);
  const auto& watch = look.run(longest_kill_switch_look);
  WantedPolicy making(target.kill_switch.hubs);
  const auto wanted = policy_of(watch, target, record, making);
  if (!wanted) return could_not_look(name_of(target), wanted.error().message);
  auto kill_switch = KillSwitch::open(*watch.opener(), id);
  if (!kill_switch) return could_not_look(name_of(target), kill_switch.error().message);
  if (const auto unmarked = record.forget_disarmed(); !unmarked) return could_not_look(name_of(target), unmarked.error().message);
  if (const auto armed = kill_switch->arm(*wanted); !armed) return could_not_look(name_of(target), armed.error().message);
  if (const auto kept = record.remember(*wanted, making.added_hubs()); !kept) warn(kept.error().message);
  warn_of(*wanted, target, making.added_hubs().size());
  Standing standing{"armed", {}, *wanted, {}, {}, {}};
  prove(*kill_switch, standing);
  return tell(target, id, standing, record, as_json);
}

/// One namespace each, of names and processes.
std::vector<NamespaceRef> all_namespaces() {
  std::vector<NamespaceRef> refs{NamespaceRef{}};
  for (const auto& name : namespace_names()) refs.push_back({NamespaceRef::Kind::name, name});
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) refs.push_back({NamespaceRef::Kind::pid, name});
  }
  return refs;
}

}  // namespace

int killswitch_command(TargetPolicy policy, KillSwitchAction action, bool json) {
  policy.offline = true;
  const auto id = make_firewall_id(policy.client_id);
  const KillSwitchRecord record(policy.kill_switch.folder, id);
  if (action == KillSwitchAction::arm) return arm(policy, id, record, json);
  const Opened space(policy);
  if (!space.opener) return could_not_look(name_of(policy), space.opener.error().message);
  if (action == KillSwitchAction::disarm) {
    return tell_disarmed(name_of(policy), disarm(*space.opener, policy.kill_switch.folder, id), json);
  }
  const auto standing = look_at(*space.opener, id, record, true);
  if (!standing) return could_not_look(name_of(policy), standing.error().message);
  return tell(policy, id, *standing, record, json);
}

int killswitch_disarm_all(const std::string& folder, bool json) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  int worst = 0;
  std::size_t found = 0;
  std::size_t closed = 0;
  std::string why_closed;
  for (const auto& ref : all_namespaces()) {
    const auto space = NetNamespace::open(ref);
    // Processes end meanwhile.
    if (!space && space.error().kind == Error::Kind::not_found) continue;
    if (!space) {
      ++closed;
      why_closed = space.error().message;
      continue;
    }
    if (!seen.insert({space->identity().device, space->identity().inode}).second) continue;
    // Where nobody may count nothing was left either.
    const auto meters = remove_left_meters(space->opener());
    if (meters && *meters > 0 && !json)
      print_out(fmt::format("{}: {} tables of a leak meter were left, and are gone\n", ref.to_string(), *meters));
    const auto ids = kill_switch_ids(space->opener());
    const bool none = ids ? ids->empty() : ids.error().kind == Error::Kind::unavailable;
    if (none) continue;
    ++found;
    worst = std::max(worst, tell_disarmed(ref.to_string(), disarm(space->opener(), folder, {}), json));
  }
  if (closed > 0) {
    fmt::print(stderr, "vpn-sentinel-probe: the namespaces of {} processes or names could not be looked at: {}\n", closed, why_closed);
    worst = exit_could_not_look;
  }
  if (found == 0 && worst == 0 && !json) print_out("no namespace has a kill switch\n");
  return worst;
}

}  // namespace vpn_sentinel
