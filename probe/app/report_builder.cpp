#include "probe/app/report_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "probe/app/report_firewall.hpp"
#include "probe/app/report_peers.hpp"
#include "probe/report/bounds.hpp"

namespace vpn_sentinel {
namespace {

void add_exit(const Observation& seen, Report& report) {
  if (!seen.exit || (!seen.exit->v4 && !seen.exit->v6)) return;
  ExitReport exit;
  if (seen.exit->v4) exit.v4 = seen.exit->v4->to_string();
  if (seen.exit->v6) exit.v6 = seen.exit->v6->to_string();
  if (!seen.exit->country.empty()) exit.country = seen.exit->country;
  exit.source = seen.exit->source;
  const auto& first = seen.exit->of(exit.v4 ? Family::v4 : Family::v6);
  exit.asn = first.facts.asn;
  if (const auto accord = accord_of(first.voices)) exit.sources = static_cast<std::uint32_t>(accord->sources);
  report.public_ip = exit.v4 ? exit.v4 : exit.v6;
  // As the Python original fills it from ipinfo.io: number and name of the network in one text.
  const auto& facts = first.facts;
  auto org = facts.asn ? fmt::format("AS{} {}", *facts.asn, facts.organisation) : facts.organisation;
  if (org.ends_with(' ')) org.pop_back();
  LocationReport place{seen.exit->country, facts.city, facts.region, std::move(org), facts.timezone};
  if (place != LocationReport{}) report.location = std::move(place);
  report.exit = std::move(exit);
}

void add_dns_view(const Observation& seen, const DnsView& view, Report& report) {
  DnsReport dns{std::string(to_string(view.verdict)), view.reason, {}, {}};
  for (const auto& address : view.egress) dns.egress.push_back(address.to_string());
  for (const auto& resolver : view.resolvers) dns.resolvers.push_back({resolver.address.to_string(), std::string(to_string(resolver.way))});
  report.dns = std::move(dns);
  // The original compares this country with the exit's: the site of an anycast resolver must not look like a leak to it.
  const bool at_exit = view.verdict == DnsVerdict::no_leak && seen.exit;
  report.dns_location = at_exit ? seen.exit->country : view.country;
  if (at_exit) report.dns_colo = seen.exit->colo;
}

/// whoami.cloudflare proves which way port 53 takes, not which resolver applications use: that alone is never "no leak".
void add_dns(const Observation& seen, Report& report) {
  if (seen.dns) return add_dns_view(seen, *seen.dns, report);
  if (!seen.whoami || seen.dns_pending) return;
  DnsReport dns{"unverifiable", {}, {}, {}};
  if (seen.whoami->egress) {
    dns.reason = "PORT_53_PATH_ONLY";
    dns.egress.push_back(seen.whoami->egress->to_string());
  } else {
    dns.reason = "U_NO_EGRESS_ANSWER";
  }
  report.dns = std::move(dns);
}

void add_tunnel(const TargetWatch& watch, Report& report) {
  const auto& seen = watch.seen();
  if (!seen.tunnel) return;
  TunnelReport tunnel{seen.tunnel->name, seen.tunnel->kind, seen.tunnel->up, watch.tunnel_since(), {}, {}, {}};
  if (const auto link = watch.tunnel_link()) {
    tunnel.rx_bytes = link->rx_bytes;
    tunnel.tx_bytes = link->tx_bytes;
  }
  if (seen.handshake_age) tunnel.handshake_age_s = static_cast<std::uint32_t>(std::max<std::int64_t>(0, seen.handshake_age->count()));
  report.tunnel = std::move(tunnel);
}

void add_firewall(const TargetWatch& watch, Report& report) {
  const auto& seen = watch.seen();
  const auto& policy = watch.policy();
  if (seen.packets) report.leak = leak_report(*seen.packets, policy.connections.destinations, policy.exit.database.get());
  if (seen.kill_switch) report.kill_switch = kill_switch_report(*seen.kill_switch);
  if (seen.ruleset) report.ruleset = ruleset_report(*seen.ruleset);
  if (seen.udp) report.udp_exit = udp_exit_report(*seen.udp);
  if (seen.large_packets) report.mtu = mtu_report(*seen.large_packets);
}

void add_peers(const TargetWatch& watch, Report& report) {
  if (!watch.serving().is_asked_for()) return;
  const auto view = watch.serving().state().view(most_listed_peers, 0, false);
  report.peers = peers_report(view, watch.policy().connections.destinations, watch.policy().exit.database.get());
}

}  // namespace

Report build_report(const TargetWatch& watch, std::string trigger) {
  Report report;
  report.client_id = watch.policy().client_id;
  report.group = watch.policy().group;
  report.tags = watch.policy().tags;
  report.client_version = VPN_SENTINEL_VERSION;
  report.timestamp = watch.seen().time;
  report.trigger = std::move(trigger);
  report.state = watch.verdict().state;
  report.findings = with_ends_cut(watch.verdict().findings, watch.seen(), end_detail(watch.policy().connections.destinations));
  add_tunnel(watch, report);
  add_exit(watch.seen(), report);
  add_dns(watch.seen(), report);
  add_firewall(watch, report);
  add_peers(watch, report);
  report.latency_ms = watch.latency_ms();
  bound_report(report);
  return report;
}

}  // namespace vpn_sentinel
