#include "probe/app/print_dns.hpp"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "netns/base/clock.hpp"
#include "probe/app/print_layers.hpp"
#include "probe/verdict/dns_findings.hpp"

namespace vpn_sentinel {
namespace {

std::string unanswered_text(const std::optional<PendingView>& pending) {
  return pending ? fmt::format("no answer yet after {}", human_duration(pending->waited)) : "not checked";
}

std::string verdict_text(DnsVerdict verdict) {
  switch (verdict) {
    case DnsVerdict::leak:
      return "leaks";
    case DnsVerdict::no_leak:
      return "no leak";
    case DnsVerdict::unverifiable:
      break;
  }
  return "could not be verified";
}

std::string way_text(const ResolverView& resolver) {
  switch (resolver.way) {
    case ResolverWay::tunnel:
      return fmt::format("by the tunnel ({})", resolver.device);
    case ResolverWay::outside:
      return fmt::format("outside the tunnel ({})", resolver.device.empty() ? "device unknown" : resolver.device);
    case ResolverWay::loopback:
      return "in this namespace";
    case ResolverWay::nowhere:
      return "not reachable";
    case ResolverWay::unknown:
      break;
  }
  return "by an unknown way";
}

std::vector<std::string> resolver_lines(const DnsView& dns) {
  std::vector<std::string> lines;
  for (const auto& resolver : dns.resolvers) {
    auto text = resolver.upstream ? fmt::format("behind it {}, {}", resolver.address.to_string(), way_text(resolver))
                                  : fmt::format("programs ask {}, {}", resolver.address.to_string(), way_text(resolver));
    if (!resolver.upstream && resolver.way == ResolverWay::loopback && !dns.stub.empty()) text += fmt::format(": {}", dns.stub);
    if (resolver.asked && !resolver.answered) text += ", no answer";
    if (resolver.accepted) text += ", allowed by VPN_SENTINEL_DNS_ACCEPT";
    lines.push_back(std::move(text));
  }
  if (!lines.empty()) lines.front() += fmt::format(" (from {})", dns.file);
  return lines;
}

std::string egress_line(const DnsView& dns) {
  std::string text;
  for (std::size_t i = 0; i < dns.egress.size() && i < most_shown_lines; ++i) {
    text += (text.empty() ? "" : ", ") + dns.egress[i].to_string();
    if (i < dns.owners.size() && !dns.owners[i].empty()) text += fmt::format(" ({})", dns.owners[i]);
  }
  return fmt::format("the Internet is asked from {} ({} of {} test names answered)", text, dns.answered, dns.asked);
}

std::string port_53_line(const Observation& seen) {
  if (!seen.whoami) return {};
  if (!seen.whoami->egress) return fmt::format("port 53 of public servers: {}", seen.whoami->error);
  return fmt::format("port 53 leaves by {} (told by {})", seen.whoami->egress->to_string(), seen.whoami->server);
}

std::string resolver_rows(const Observation& seen) {
  const auto& dns = *seen.dns;
  auto lines = resolver_lines(dns);
  if (!dns.egress.empty()) lines.push_back(egress_line(dns));
  if (!dns.error.empty()) lines.push_back(dns.error);
  if (auto line = port_53_line(seen); !line.empty()) lines.push_back(std::move(line));
  const auto why = dns_reason_text(dns.reason);
  return print_row("dns", fmt::format("{}: {} [{}]", verdict_text(dns.verdict), why, dns.reason)) + print_details(lines);
}

std::string dns_text(const Observation& seen) {
  if (seen.dns_pending) return unanswered_text(seen.dns_pending);
  if (!seen.whoami) return unanswered_text(seen.whoami_pending);
  if (!seen.whoami->egress) return fmt::format("could not be verified: {}", seen.whoami->error);
  return fmt::format("port 53 leaves by {} (told by {}); which resolver programs use is not judged", seen.whoami->egress->to_string(),
                     seen.whoami->server);
}

}  // namespace

std::string print_dns(const Observation& seen) { return seen.dns ? resolver_rows(seen) : print_row("dns", dns_text(seen)); }

}  // namespace vpn_sentinel
