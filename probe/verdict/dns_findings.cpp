#include "probe/verdict/dns_findings.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

struct ReasonText {
  std::string_view reason;
  std::string_view text;
  std::string_view finding = {};  ///< of a leak
};

constexpr std::string_view outside = "dns_resolver_outside";
constexpr std::string_view uplink = "dns_egress_is_uplink";

constexpr std::array reason_rows{
    ReasonText{"EGRESS_IS_EXIT", "The resolver asks the Internet from the VPN's exit: DNS goes where everything else goes."},
    ReasonText{"EGRESS_ACCEPTED", "The resolver asks the Internet from a network that VPN_SENTINEL_DNS_ACCEPT allows."},
    ReasonText{"PUBLIC_RESOLVER_VIA_TUNNEL", "A public resolver answers, and the questions reach it by the tunnel."},
    ReasonText{"THIRD_PARTY_SAME_CC_VIA_TUNNEL", "A resolver in the exit's country answers, and the questions reach it by the tunnel."},
    ReasonText{"WEAK_GEO_MATCH",
               "A public resolver answers from the exit's country, which is not the uplink's; that alone proves nothing."},
    ReasonText{"INFO_COLO_DIFFERS",
               "The public resolver answers from another country than the exit's, which is normal for such resolvers."},

    ReasonText{"EGRESS_IS_UPLINK", "The resolver asks the Internet from the address of the line without the VPN.", uplink},
    ReasonText{"EGRESS_IS_UPLINK_ISP", "The resolver is in the network of the provider of the line without the VPN.", uplink},
    ReasonText{"ECS_SHOWS_UPLINK", "The resolver tells every server that it asks the subnet of the line without the VPN.", uplink},
    ReasonText{"CH_WHOAMI_IS_UPLINK", "Port 53 leaves by the line without the VPN, while HTTPS leaves by the exit.", uplink},
    ReasonText{"DNS_PKTS_OUTSIDE_TUNNEL", "DNS packets left this namespace outside the tunnel.", "dns_packets_outside"},
    ReasonText{"RESOLVER_ROUTE_OUTSIDE_TUNNEL", "Packets to a resolver that programs use go outside the tunnel, and it answers.", outside},
    ReasonText{"STUB_MULTI_LINK",
               "systemd-resolved sends every name to the servers of several links at once, one of them outside the tunnel.", outside},
    ReasonText{"RESOLVER_OUTSIDE_UNANSWERED", "A resolver outside the tunnel is configured; it does not answer."},

    ReasonText{"U_GENERATION", "The network changed during the check; it is repeated."},
    ReasonText{"U_NO_EXIT", "The exit address is not known, so that the resolver's cannot be compared with it."},
    ReasonText{"U_EXIT_IS_UPLINK", "The exit shows the address of the line without the VPN, so that the resolver's says nothing."},
    ReasonText{"U_RESOLVER_UNKNOWN", "Which resolver programs use could not be read."},
    ReasonText{"U_NO_EGRESS_ANSWER", "The resolver that programs use did not tell from where it asks the Internet."},
    ReasonText{"U_DOCKER_HOST_FORWARD",
               "Docker's engine asks its servers from the host's network, outside this namespace and past the tunnel."},
    ReasonText{
        "U_RESOLVER_BY_SOCKET",
        "Programs ask systemd-resolved by a Unix socket (libnss-resolve), which leads out of this namespace whatever its routes say."},
    ReasonText{"U_ANYCAST_NO_LOCAL_PROOF", "A public resolver answers, and nothing shows by which way the questions reach it."},
    ReasonText{"U_OUTSIDE_SILENT",
               "Names are sent to a resolver outside the tunnel, too; it does not answer, and who reads them there is not known."},
    ReasonText{"U_SERVER_UNPROVED", "Not each of the resolvers that programs ask told from where it asks the Internet."},
    ReasonText{"U_UNKNOWN_RESOLVER_NET", "A resolver answers that is neither at the VPN's exit nor a known public one."},
    ReasonText{"U_TOO_FEW_ANSWERS", "Less than half of the test names were answered."},
};

const ReasonText* find_reason(std::string_view reason) {
  const auto* const found = std::ranges::find(reason_rows, reason, &ReasonText::reason);
  return found == reason_rows.end() ? nullptr : found;
}

std::string way_text(const ResolverView& resolver) {
  switch (resolver.way) {
    case ResolverWay::tunnel:
      return "by the tunnel " + resolver.device;
    case ResolverWay::outside:
      return resolver.device.empty() ? "outside the tunnel" : "outside the tunnel by " + resolver.device;
    case ResolverWay::loopback:
      return "in this namespace";
    case ResolverWay::nowhere:
      return "without a route";
    case ResolverWay::unknown:
      break;
  }
  return "by an unknown way";
}

json resolver_texts(const DnsView& dns) {
  json::array_t texts;
  for (const auto& resolver : dns.resolvers) {
    auto text = resolver.address.to_string() + " " + way_text(resolver);
    if (resolver.upstream) text += ", behind " + (dns.stub.empty() ? std::string("the one on loopback") : dns.stub);
    if (resolver.asked && !resolver.answered) text += ", no answer";
    texts.emplace_back(std::move(text));
  }
  return texts;
}

/// `reason` is what the finding is about; whatever else holds is only named.
json evidence_of(const DnsView& dns, std::string_view reason) {
  const auto text = dns_reason_text(reason);
  json evidence{{"reason", reason}};
  if (!text.empty()) evidence["why"] = text;
  json::array_t also;
  if (reason != dns.reason) also.emplace_back(dns.reason);
  for (const auto& other : dns.also) {
    if (other != reason) also.emplace_back(other);
  }
  if (!also.empty()) evidence["also"] = std::move(also);
  if (!dns.file.empty()) evidence["resolvers_from"] = dns.file;
  if (!dns.resolvers.empty()) evidence["resolvers"] = resolver_texts(dns);
  if (!dns.stub.empty()) evidence["stub"] = dns.stub;
  if (!dns.egress.empty()) {
    json::array_t addresses;
    for (const auto& address : dns.egress) addresses.emplace_back(address.to_string());
    evidence["egress"] = std::move(addresses);
  }
  if (dns.asked > 0) evidence["answered"] = std::to_string(dns.answered) + " of " + std::to_string(dns.asked);
  if (!dns.error.empty()) evidence["error"] = dns.error;
  return evidence;
}

class DnsJudge {
 public:
  explicit DnsJudge(const Observation& seen) : seen_(seen) {}

  std::vector<Finding> run() {
    judge_resolver();
    judge_port_53();
    if (seen_.dns && !seen_.dns->differences.empty()) judge_differences(seen_.dns->differences);
    return std::move(findings_);
  }

 private:
  void add(std::string_view code, json evidence) {
    if (std::ranges::find(findings_, code, &Finding::code) != findings_.end()) return;
    findings_.push_back(Finding{std::string(code), find_text(code)->severity, seen_.time, std::move(evidence)});
  }
  void add_overdue(const PendingView& check, std::string_view error = "no answer yet") {
    add("dns_unverifiable", json{{"error", error}, {"waited_ms", check.waited.count()}});
  }

  void judge_resolver() {
    if (seen_.dns_pending && seen_.dns_leaked_before) {
      add_overdue(*seen_.dns_pending, "it leaked before, and has not been looked at again yet");
    } else if (seen_.dns_pending && seen_.dns_pending->overdue) {
      add_overdue(*seen_.dns_pending);
    }
    if (!seen_.dns) return;
    const auto& dns = *seen_.dns;
    if (dns.verdict == DnsVerdict::unverifiable) add("dns_unverifiable", evidence_of(dns, dns.reason));
    if (dns.verdict != DnsVerdict::leak) return;
    add_leak(dns.reason, dns);
    for (const auto& reason : dns.also) add_leak(reason, dns);
  }

  void add_leak(std::string_view reason, const DnsView& dns) {
    const auto* const row = find_reason(reason);
    if (row && !row->finding.empty()) add(row->finding, evidence_of(dns, reason));
  }

  /// An answer to the six names shows more than one about port 53: VPNs that answer port 53 themselves refuse the question.
  void judge_port_53() {
    const bool proved = seen_.dns && seen_.dns->verdict == DnsVerdict::no_leak;
    if (seen_.whoami && !seen_.whoami->egress && !proved) add("dns_unverifiable", json{{"error", seen_.whoami->error}});
    if (seen_.whoami_pending && seen_.whoami_pending->overdue && !proved) add_overdue(*seen_.whoami_pending);
    if (!seen_.exit || !seen_.whoami || !seen_.whoami->egress) return;
    const auto& egress = *seen_.whoami->egress;
    const auto& same_family = egress.is_v4() ? seen_.exit->v4 : seen_.exit->v6;
    if (!same_family || *same_family == egress) return;
    // Big providers send the flows of one customer from several addresses of one network.
    if (IpPrefix(*same_family, egress.is_v4() ? 24 : 64).contains(egress)) return;
    const bool is_leak = std::ranges::any_of(findings_, [](const Finding& finding) { return finding.code == uplink; });
    if (!is_leak) add("dns_path_differs", json{{"exit", same_family->to_string()}, {"dns_egress", egress.to_string()}});
  }

  void judge_differences(const std::vector<AnswerDifference>& differences) {
    json::array_t texts;
    for (const auto& item : differences)
      texts.emplace_back(item.name + ": " + item.own + " by the resolver of programs, " + item.public_ + " by a public one");
    add("dns_answers_differ", json{{"names", std::move(texts)}});
  }

  const Observation& seen_;
  std::vector<Finding> findings_;
};

constexpr std::array<std::string_view, 3> verdict_words{"leak", "no_leak", "unverifiable"};
constexpr std::array<std::string_view, 5> way_words{"tunnel", "outside", "loopback", "nowhere", "unknown"};

}  // namespace

std::string_view to_string(DnsVerdict verdict) { return verdict_words.at(static_cast<std::size_t>(verdict)); }
std::string_view to_string(ResolverWay way) { return way_words.at(static_cast<std::size_t>(way)); }

std::string_view dns_reason_text(std::string_view reason) {
  const auto* const row = find_reason(reason);
  return row ? row->text : std::string_view();
}

std::vector<Finding> judge_dns(const Observation& seen) { return DnsJudge(seen).run(); }

}  // namespace vpn_sentinel
