#include "netns/firewall/ruleset_audit.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace vpn_sentinel::audit {
namespace {

constexpr std::size_t most_reasons = 8;
constexpr std::uint32_t some_user = 54321;
constexpr std::uint32_t some_source_port = 45678;
constexpr std::uint32_t https = 443;
constexpr std::uint32_t dns = 53;
constexpr std::uint32_t other_protocol = 253;  // for experiments (RFC 3692)

constexpr std::array<std::string_view, 4> public_v4{"1.0.0.1", "64.0.0.1", "128.1.0.1", "203.0.114.1"};
constexpr std::array<std::string_view, 3> public_v6{"2000::1", "2a00::1", "3000::1"};

/// Never sent to the Internet, whatever the settings say.
constexpr std::array<std::string_view, 5> never_public{"0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128", "::ffff:0:0/96"};

void note_reason(std::vector<std::string>& into, std::string words) {
  if (into.size() < most_reasons && std::find(into.begin(), into.end(), words) == into.end()) into.push_back(std::move(words));
}

std::string_view family_name(Family family) { return family == Family::v4 ? "IPv4" : "IPv6"; }

/// IPPROTO_ICMP, IPPROTO_ICMPV6.
std::uint32_t echo_protocol(Family family) { return family == Family::v4 ? 1 : 58; }
std::uint32_t echo_type(Family family) { return family == Family::v4 ? 8 : 128; }

Packet ordinary_packet(const IpAddress& destination, std::uint32_t protocol, std::uint32_t port, std::uint32_t user) {
  Packet packet;
  packet.family = destination.family();
  packet.set_destination(destination);
  packet.set_number(Part::protocol, protocol);
  packet.set_number(Part::destination_port, port);
  packet.set_number(Part::source_port, some_source_port);
  packet.set_number(Part::user, user);
  packet.set_number(Part::group, user);
  packet.set_number(Part::icmp_type, echo_type(packet.family));
  packet.set_number(Part::icmp_code, 0);
  return packet;
}

/// Any packet of this protocol; 0: of any other.
Packet any_packet(const Packet& like, std::uint32_t protocol) {
  Packet packet;
  packet.family = like.family;
  if (protocol != 0) packet.set_number(Part::protocol, protocol);
  packet[Part::icmp_type] = like[Part::icmp_type];
  packet[Part::icmp_code] = like[Part::icmp_code];
  return packet;
}

std::string protocol_words(const Packet& packet) {
  const auto protocol = packet.number(Part::protocol);
  const auto port = packet.number(Part::destination_port);
  if (protocol == IPPROTO_TCP) return fmt::format("TCP to port {}", port);
  if (protocol == IPPROTO_UDP) return fmt::format("UDP to port {}", port);
  if (protocol == echo_protocol(packet.family)) return "ping";
  return fmt::format("protocol {}", protocol);
}

/// Asks for one family and uplink.
class OneWay {
 public:
  OneWay(const Ruleset& ruleset, const AuditQuestion& question, Family family, const Uplink& uplink, std::size_t& budget)
      : family_(family),
        uplink_(uplink),
        never_(make_exclusions(question, family)),
        stages_(stages_of(ruleset, family, uplink)),
        walk_(stages_, uplink_, never_, budget) {}

  Audit run() {
    Audit audit;
    if (!choose_destination()) {
      audit.reasons.push_back("every public address is allowed");
      return audit;
    }
    // First what answers for all packets at once: usual rulesets need no more.
    if (all_held(audit)) return audit;
    Audit passing;
    if (some_pass(passing)) return passing;
    audit.anything_held = audit.anything_held || passing.anything_held;
    (void)one_found(audit);
    return audit;
  }

  Fate fate_of(const IpAddress& destination, std::uint8_t protocol, std::uint16_t port, std::uint32_t user) const {
    const auto number = protocol == IPPROTO_ICMP ? echo_protocol(family_) : protocol;
    const auto packet = ordinary_packet(destination, number, port, user);
    return walk_.run(packet, packet);
  }

 private:
  static Exclusions make_exclusions(const AuditQuestion& question, Family family) {
    auto networks = question.not_outside;
    for (const auto text : never_public) networks.push_back(IpPrefix::parse(text).value());
    return {family, networks, question.users};
  }

  bool choose_destination() {
    const auto take = [&](std::string_view text) {
      const auto address = IpAddress::parse(text).value();
      if (!destination_ && !never_.excludes(address)) destination_ = address;
    };
    if (family_ == Family::v4) std::for_each(public_v4.begin(), public_v4.end(), take);
    if (family_ == Family::v6) std::for_each(public_v6.begin(), public_v6.end(), take);
    return destination_.has_value();
  }

  [[nodiscard]] Packet packet(std::uint32_t protocol, std::uint32_t port, std::uint32_t user) const {
    return ordinary_packet(*destination_, protocol, port, user);
  }

  [[nodiscard]] std::string way() const { return fmt::format("{} by {}", family_name(family_), uplink_.name); }

  [[nodiscard]] std::string way_out(const Fate& fate) const {
    if (!fate.accepted_by.empty()) return fate.accepted_by;
    return stages_.empty() ? "there is no rule on the way out" : "no rule drops it";
  }

  /// The packets that programs send most.
  [[nodiscard]] std::vector<Packet> ordinary_packets() const {
    std::vector<Packet> packets;
    for (const auto user : {some_user, 0U}) {
      if (never_.covers(Part::user, user, user)) continue;
      for (const std::uint32_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
        for (const auto port : {https, dns}) packets.push_back(packet(protocol, port, user));
      }
      packets.push_back(packet(echo_protocol(family_), 0, user));
    }
    return packets;
  }

  bool some_pass(Audit& audit) const {
    std::vector<std::pair<Packet, Fate>> passing;
    const auto packets = ordinary_packets();
    for (const auto& one : packets) {
      auto fate = walk_.run(one, one);
      if (!fate.may_pass) audit.anything_held = true;
      if (fate.surely_passes) passing.emplace_back(one, std::move(fate));
    }
    if (passing.empty()) return false;
    audit.verdict = AuditVerdict::lets_out;
    if (passing.size() == packets.size()) {
      note_reason(audit.reasons, fmt::format("{}: everything passes ({})", way(), way_out(passing.front().second)));
      return true;
    }
    for (const auto& [one, fate] : passing) tell(audit, one, fate);
    return true;
  }

  void tell(Audit& audit, const Packet& one, const Fate& fate) const {
    note_reason(audit.reasons,
                fmt::format("{}: {} of user {} passes ({})", way(), protocol_words(one), one.number(Part::user), way_out(fate)));
  }

  /// What is not known of these packets may be anything, so what holds them holds all.
  bool all_held(Audit& audit) {
    bool held = true;
    for (const std::uint32_t protocol :
         {std::uint32_t{IPPROTO_TCP}, std::uint32_t{IPPROTO_UDP}, echo_protocol(family_), std::uint32_t{0}}) {
      const auto like = packet(protocol == 0 ? other_protocol : protocol, https, some_user);
      auto fate = walk_.run(any_packet(like, protocol), like);
      std::move(fate.witnesses.begin(), fate.witnesses.end(), std::back_inserter(witnesses_));
      if (!fate.may_pass) {
        for (auto& words : fate.drops) note_reason(drops_, fmt::format("{}: {}", way(), words));
        continue;
      }
      held = false;
      for (auto& words : fate.doubts) note_reason(doubts_, fmt::format("{}: {}", way(), words));
      for (auto& words : fate.passes) note_reason(passes_, fmt::format("{}: {}", way(), words));
    }
    audit.anything_held = audit.anything_held || held;
    audit.verdict = held ? AuditVerdict::holds : AuditVerdict::undecided;
    audit.reasons = held ? drops_ : doubts_.empty() ? passes_ : doubts_;
    return held;
  }

  bool one_found(Audit& audit) const {
    std::vector<std::string> holes;
    for (const auto& witness : witnesses_) {
      if (never_.excludes(witness.destination()) || never_.covers(Part::user, witness.number(Part::user), witness.number(Part::user)))
        continue;
      const auto fate = walk_.run(witness, witness);
      if (!fate.surely_passes) continue;
      note_reason(holes, fmt::format("{}: {} at {} of user {} passes ({})", way(), protocol_words(witness),
                                     witness.destination().to_string(), witness.number(Part::user), way_out(fate)));
    }
    if (holes.empty()) return false;
    audit.verdict = AuditVerdict::lets_out;
    audit.reasons = std::move(holes);
    return true;
  }

  Family family_;
  const Uplink& uplink_;
  Exclusions never_;
  std::vector<Stage> stages_;
  Walk walk_;
  std::optional<IpAddress> destination_;
  std::vector<Packet> witnesses_;
  std::vector<std::string> drops_;
  std::vector<std::string> doubts_;
  std::vector<std::string> passes_;
};

/// The worst of both, and its reasons.
void take_worse(Audit& whole, Audit part) {
  const auto rank = [](AuditVerdict verdict) { return verdict == AuditVerdict::lets_out ? 2 : verdict == AuditVerdict::undecided ? 1 : 0; };
  whole.anything_held = whole.anything_held || part.anything_held;
  if (rank(part.verdict) < rank(whole.verdict)) return;
  if (rank(part.verdict) > rank(whole.verdict)) whole.reasons.clear();
  whole.verdict = part.verdict;
  for (auto& words : part.reasons) note_reason(whole.reasons, std::move(words));
}

Audit undecided(std::string reason) { return {AuditVerdict::undecided, {std::move(reason)}, false}; }

}  // namespace

Audit audit_ruleset(const Ruleset& ruleset, const AuditQuestion& question, std::size_t budget) {
  if (question.uplinks.empty()) return undecided("no interface outside the tunnel is known");
  if (!ruleset.incomplete.empty()) return undecided(ruleset.incomplete + ", which is more than is looked at");
  if (!question.legacy.empty()) {
    return undecided(fmt::format("rules of the old iptables are not understood (tables {})", fmt::join(question.legacy, ", ")));
  }
  Audit whole{AuditVerdict::holds, {}, false};
  const bool both = question.v4 == question.v6;
  for (const auto& uplink : question.uplinks) {
    for (const auto family : {Family::v4, Family::v6}) {
      if (!both && (family == Family::v4 ? !question.v4 : !question.v6)) continue;
      take_worse(whole, OneWay{ruleset, question, family, uplink, budget}.run());
    }
  }
  return whole;
}

Fate fate_of(const Ruleset& ruleset, const AuditQuestion& question, const Uplink& uplink, const IpAddress& destination,
             std::uint8_t protocol, std::uint16_t port, std::uint32_t user) {
  auto budget = most_audit_steps;
  return OneWay{ruleset, question, destination.family(), uplink, budget}.fate_of(destination, protocol, port, user);
}

}  // namespace vpn_sentinel::audit
