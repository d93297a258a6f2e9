#include "probe/verdict/packet_findings.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "netns/base/dns_ports.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t most_destinations = 10;

bool is_dns(const OutsideDestination& destination) { return vpn_sentinel::is_dns(destination.protocol, destination.port); }

/// Their evidence tells where packets went.
constexpr std::array<std::string_view, 4> codes_that_name_ends{"process_outside", "packets_outside", "dns_packets_outside",
                                                               "packets_unjudged"};

bool names_ends(const Finding& finding) { return std::ranges::find(codes_that_name_ends, finding.code) != codes_that_name_ends.end(); }

constexpr unsigned told_prefix_v4 = 24;
constexpr unsigned told_prefix_v6 = 48;

std::string protocol_text(const OutsideDestination& destination, bool with_port) {
  const auto port = with_port ? fmt::format(" port {}", destination.port) : std::string();
  switch (destination.protocol) {
    case IPPROTO_UDP:
      return "UDP" + port;
    case IPPROTO_TCP:
      return "TCP" + port;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return "ICMP";
    default:
      return fmt::format("protocol {}", destination.protocol);
  }
}

std::string end_text(const OutsideDestination& destination, EndDetail ends) {
  auto text = protocol_text(destination, ends != EndDetail::protocol);
  const auto& address = destination.address;
  if (ends == EndDetail::full) return address.to_string() + " " + text;
  if (ends == EndDetail::network) return IpPrefix(address, address.is_v4() ? told_prefix_v4 : told_prefix_v6).to_string() + " " + text;
  return text;
}

std::string count_text(const TrafficView& traffic) {
  return fmt::format("{} {}, {} bytes", traffic.packets, traffic.packets == 1 ? "packet" : "packets", traffic.bytes);
}

std::string text_of(const OutsideDestination& destination, EndDetail ends) {
  auto text = end_text(destination, ends);
  if (destination.uid) text += fmt::format(", uid {}", *destination.uid);
  return text + ": " + count_text(destination.traffic);
}

std::string text_of(const OutsideProgram& program, EndDetail ends) {
  auto text = fmt::format("{} (pid {}, uid {}", program.name, program.pid, program.uid);
  if (!program.container.empty()) text += ", container " + program.container.substr(0, 12);
  return text + ") to " + end_text(program.destination, ends);
}

class PacketJudge {
 public:
  PacketJudge(const Observation& seen, const PacketsView& packets, EndDetail ends) : seen_(seen), packets_(packets), ends_(ends) {}

  std::vector<Finding> run() {
    if (packets_.leak) {
      judge_leak(*packets_.leak);
      judge_programs();
    } else if (packets_.unjudged) {
      judge_unjudged(*packets_.unjudged);
    }
    judge_counting();
    return std::move(findings_);
  }

 private:
  void add(std::string_view code, json evidence, std::optional<Severity> severity = std::nullopt) {
    findings_.push_back(Finding{std::string(code), severity.value_or(find_text(code)->severity), seen_.time, std::move(evidence)});
  }

  void judge_leak(const OutsideTraffic& leak) {
    if (leak.dns.packets > 0) add("dns_packets_outside", evidence_of(leak, leak.dns, true));
    if (leak.packets() == leak.dns.packets) return;
    auto evidence = evidence_of_rest(leak);
    // Everybody on the way sees the VPN server's address as it is; only what is said to it is not protected. And what is no IP mostly does
    // not get beyond the next router.
    const bool is_less = leak.v4.packets + leak.v6.packets == 0;
    add("packets_outside", std::move(evidence), is_less ? std::optional(Severity::warning) : std::nullopt);
  }

  /// Neither a leak nor none: the answer of the VPN's program is late.
  void judge_unjudged(const OutsideTraffic& traffic) {
    auto evidence = evidence_of_rest(traffic);
    if (packets_.unjudged_since) evidence["noticed"] = to_rfc3339(*packets_.unjudged_since);
    evidence["awaited"] = "the VPN's program has not told its servers yet";
    add("packets_unjudged", std::move(evidence));
  }

  /// Never by itself: what was counted is the proof, and it is as bad as that. It goes before it, because it says more.
  void judge_programs() {
    if (packets_.programs.empty() || findings_.empty()) return;
    const auto weight = [&](const OutsideProgram& program) {
      const auto code = is_dns(program.destination) ? "dns_packets_outside" : "packets_outside";
      const auto told = std::ranges::find(findings_, code, &Finding::code);
      return told == findings_.end() ? Severity::information : told->severity;
    };
    const auto& first = *std::ranges::max_element(packets_.programs, {}, weight);
    json evidence{{"process", first.name}, {"pid", first.pid}, {"uid", first.uid}, {"destination", end_text(first.destination, ends_)}};
    // The destination's own number is that of all programs of the user.
    if (first.bytes) evidence["bytes"] = *first.bytes;
    if (!first.container.empty()) evidence["container"] = first.container.substr(0, 12);
    if (packets_.programs.size() > 1) evidence["programs"] = program_texts();
    if (!packets_.unattributed.empty()) evidence["unattributed"] = unattributed_texts();
    const auto severity = weight(first);
    findings_.insert(findings_.begin(), Finding{"process_outside", severity, seen_.time, std::move(evidence)});
  }

  [[nodiscard]] json::array_t program_texts() const {
    json::array_t texts;
    for (const auto& program : packets_.programs) {
      if (texts.size() < most_destinations) texts.emplace_back(text_of(program, ends_));
    }
    return texts;
  }

  [[nodiscard]] json::array_t unattributed_texts() const {
    json::array_t texts;
    for (const auto& traffic : packets_.unattributed) {
      if (texts.size() < most_destinations) texts.emplace_back(end_text(traffic.destination, ends_) + ": " + traffic.why);
    }
    return texts;
  }

  /// All but DNS, by kind.
  [[nodiscard]] json evidence_of_rest(const OutsideTraffic& leak) const {
    auto evidence = evidence_of(leak, {leak.packets() - leak.dns.packets, leak.bytes() - leak.dns.bytes}, false);
    const auto tell = [&](const char* name, const TrafficView& part) {
      if (part.packets > 0) evidence[name] = count_text(part);
    };
    tell("ipv4", leak.v4);
    tell("ipv6", leak.v6);
    tell("to_vpn_server", leak.endpoint_misuse);
    tell("no_ip", leak.other);
    return evidence;
  }

  [[nodiscard]] json evidence_of(const OutsideTraffic& leak, const TrafficView& traffic, bool dns) const {
    json evidence{{"packets", traffic.packets}, {"bytes", traffic.bytes}};
    if (packets_.leak_since) evidence["noticed"] = to_rfc3339(*packets_.leak_since);
    json::array_t destinations;
    for (const auto& destination : leak.destinations) {
      if (is_dns(destination) == dns && destinations.size() < most_destinations) destinations.emplace_back(text_of(destination, ends_));
    }
    if (!destinations.empty()) evidence["destinations"] = std::move(destinations);
    // Said where nobody is named; else it stands beside the names.
    if (packets_.programs.empty() && !packets_.unattributed.empty()) evidence["unattributed"] = unattributed_texts();
    return evidence;
  }

  void judge_counting() {
    json evidence = json::object();
    if (!packets_.counting && !packets_.why_not.empty()) {
      evidence["error"] = packets_.why_not;
      evidence["lost"] = "leaks are judged by routes and checks only; a program that binds itself to the uplink is not seen";
    } else if (packets_.counting && !packets_.egress_gap.empty()) {
      evidence["error"] = packets_.egress_gap;
      evidence["lost"] = "what programs send by packet sockets (AF_PACKET) is not seen";
    }
    if (!packets_.interrupted.empty())
      evidence["interrupted"] = packets_.interrupted + "; counted anew since " + to_rfc3339(packets_.unbroken_since);
    if (!packets_.left_out.empty()) evidence["counted_although_allowed"] = packets_.left_out;
    if (!evidence.empty()) add("packets_uncounted", std::move(evidence));
  }

  const Observation& seen_;
  const PacketsView& packets_;
  EndDetail ends_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string program_text(const OutsideProgram& program) { return text_of(program, EndDetail::full); }
std::string destination_text(const OutsideDestination& destination) { return text_of(destination, EndDetail::full); }

std::vector<Finding> judge_packets(const Observation& seen, EndDetail ends) {
  if (!seen.packets) return {};
  return PacketJudge(seen, *seen.packets, ends).run();
}

std::vector<Finding> with_ends_cut(std::vector<Finding> findings, const Observation& seen, EndDetail ends) {
  if (ends == EndDetail::full) return findings;
  const auto cut = judge_packets(seen, ends);
  for (auto& finding : findings) {
    if (!names_ends(finding)) continue;
    const auto same = std::ranges::find(cut, finding.code, &Finding::code);
    for (const auto* key : {"destination", "destinations", "programs", "unattributed"}) {
      if (!finding.evidence.contains(key)) continue;
      finding.evidence.erase(key);
      if (same != cut.end() && same->evidence.contains(key)) finding.evidence[key] = same->evidence[key];
    }
  }
  return findings;
}

}  // namespace vpn_sentinel
