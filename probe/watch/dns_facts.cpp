#include "probe/watch/dns_facts.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "netns/base/dns_ports.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

class Ways {
 public:
  Ways(const Snapshot& snapshot, std::uint32_t tunnel_index, const TargetPolicy& policy, RouteLookup& look_up)
      : snapshot_(snapshot), tunnel_index_(tunnel_index), policy_(policy), look_up_(look_up) {}

  [[nodiscard]] ResolverView view_of(const NameServer& server) {
    ResolverView view;
    view.address = server.address;
    view.accepted = std::ranges::any_of(policy_.dns_accept.networks, [&](const IpPrefix& item) { return item.contains(server.address); });
    if (server.address.is_loopback()) {
      view.way = ResolverWay::loopback;
      view.device = "lo";
    } else if (!server.zone.empty()) {
      const auto link = std::ranges::find(snapshot_.links, server.zone, &Link::name);
      if (link != snapshot_.links.end()) take_link(link->index, view);
    } else {
      ask_kernel(view);
    }
    return view;
  }

  [[nodiscard]] bool is_tunnel(std::uint32_t index) const {
    if (index == tunnel_index_) return index != 0;
    const auto* const link = snapshot_.find_link(index);
    return link && !policy_.tunnels.empty() && is_named(*link, policy_.tunnels);
  }

 private:
  void take_link(std::uint32_t index, ResolverView& view) const {
    const auto* const link = snapshot_.find_link(index);
    if (link && view.device.empty()) view.device = link->name;
    const auto way = is_tunnel(index) ? ResolverWay::tunnel : link && link->is_loopback() ? ResolverWay::loopback : ResolverWay::outside;
    // Of several next hops the worst counts: packets are spread over them.
    if (view.way == ResolverWay::unknown || way == ResolverWay::outside) {
      view.way = way;
      if (link) view.device = link->name;
    }
  }

  void ask_kernel(ResolverView& view) {
    Flow flow;
    flow.ip_protocol = IPPROTO_UDP;
    flow.destination_port = dns_port;
    const std::array question{RouteQuestion{view.address, flow}};
    const auto answers = look_up_.look_up(question);
    if (answers.empty() || !answers.front()) return;
    const auto& answer = *answers.front();
    if (answer.kind == RouteAnswer::Kind::local) {
      view.way = ResolverWay::loopback;
      view.device = "lo";
    } else if (answer.kind != RouteAnswer::Kind::device) {
      view.way = ResolverWay::nowhere;
    } else {
      for (const auto& hop : answer.route.next_hops) take_link(hop.link_index, view);
    }
  }

  const Snapshot& snapshot_;
  std::uint32_t tunnel_index_;
  const TargetPolicy& policy_;
  RouteLookup& look_up_;
};

void add_exits(const Observation& seen, DnsFacts& facts) {
  if (!seen.exit) return;
  for (const auto family : {Family::v4, Family::v6}) {
    const auto& address = seen.exit->address(family);
    if (!address) continue;
    KnownAddress exit{*address, seen.exit->of(family).facts};
    if (exit.facts.country.empty()) exit.facts.country = seen.exit->country;
    facts.exits.push_back(std::move(exit));
  }
}

/// Behind a tunnel of the probe's own, or through the target itself, nobody knows the uplink; and whoever named its address as his exit is
/// behind the VPN with the whole network.
void add_uplinks(const Observation& seen, DnsFacts& facts) {
  if (seen.uplink_by_target) return;
  for (const auto& address : seen.uplink.addresses) {
    if (!seen.uplink.tunnel_of(address.family()).empty() || seen.exit_rules.expects_address(address)) continue;
    facts.uplinks.push_back({address, seen.uplink.facts});
  }
}

/// What a database knows is better than what the answer said of itself.
std::vector<KnownAddress> located(std::vector<KnownAddress> addresses, const std::shared_ptr<const GeoDatabase>& database) {
  if (!database) return addresses;
  for (auto& [address, facts] : addresses) {
    const auto known = database->find(address);
    if (known.asn) facts.asn = known.asn;
    if (!known.country.empty()) facts.country = known.country;
    if (!known.organisation.empty()) facts.organisation = known.organisation;
  }
  return addresses;
}

/// systemd-resolved binds its questions to the link that a server belongs to, so that the routes do not count.
void add_upstreams(const ResolverPath& path, Ways& ways, DnsFacts& facts) {
  const auto chosen = path.default_links();
  for (const auto& link : chosen) {
    ++facts.stub_links.links;
    const bool is_outside = !ways.is_tunnel(link.index) && std::ranges::none_of(facts.accepted.networks, [&](const IpPrefix& network) {
      return std::ranges::all_of(link.servers, [&](const IpAddress& server) { return network.contains(server); });
    });
    if (is_outside) ++facts.stub_links.off_tunnel;
  }
  for (const auto& server : path.upstreams) {
    const auto has_server = [&](const StubLink& link) { return std::ranges::find(link.servers, server.address) != link.servers.end(); };
    auto view = ways.view_of(server);
    view.upstream = true;
    if (const auto link = std::ranges::find_if(chosen, has_server); link != chosen.end()) {
      view.way = ways.is_tunnel(link->index) ? ResolverWay::tunnel : ResolverWay::outside;
    } else if (std::ranges::any_of(path.links, has_server)) {
      continue;  // only for the names of that link's own domains
    }
    facts.resolvers.push_back(std::move(view));
  }
}

void take_asked(const AskedServer& asked, ResolverView& view) {
  view.asked = asked.asked > 0;
  view.answered = asked.answered > 0;
  view.answered_before = asked.answered_before;
  view.stopped = view.asked && asked.stopped == asked.asked;
  view.egress = asked.egress;
}

std::string stub_text(const ResolverPath& path) {
  switch (path.stub) {
    case StubKind::systemd_resolved:
      return "systemd-resolved";
    case StubKind::docker:
      return "Docker's engine";
    case StubKind::local:
      return path.stub_program.empty() ? "a program on loopback" : path.stub_program;
    case StubKind::none:
      break;
  }
  return {};
}

std::string owner_text(const AddressFacts& facts) {
  auto text = facts.organisation;
  if (!facts.country.empty()) text += (text.empty() ? "" : ", ") + facts.country;
  return text;
}

}  // namespace

std::vector<ResolverView> resolver_ways(const std::vector<NameServer>& servers, const Snapshot& snapshot, std::uint32_t tunnel_index,
                                        const TargetPolicy& policy, RouteLookup& look_up) {
  Ways ways(snapshot, tunnel_index, policy, look_up);
  std::vector<ResolverView> views;
  views.reserve(servers.size());
  for (const auto& server : servers) views.push_back(ways.view_of(server));
  return views;
}

DnsFacts gather_dns_facts(const Result<ResolverPath>& path, const EgressAnswer& answer, const Observation& seen, const Snapshot& snapshot,
                          const TargetPolicy& policy, RouteLookup& look_up) {
  DnsFacts facts;
  facts.accepted = policy.dns_accept;
  facts.asked = answer.asked;
  facts.answered = answer.answered;
  facts.egress = located(answer.egress, policy.exit.database);
  facts.subnets = answer.subnets;
  if (seen.whoami) facts.whoami = seen.whoami->egress;
  add_exits(seen, facts);
  add_uplinks(seen, facts);
  // Of a file that was not read to its end nobody knows all servers.
  facts.path_unknown = !path || path->conf.cut;
  if (!path) return facts;
  const auto tunnel_index = seen.tunnel ? seen.tunnel->index : 0;
  Ways ways(snapshot, tunnel_index, policy, look_up);
  for (const auto& server : path->servers) {
    auto view = ways.view_of(server);
    const auto asked = std::ranges::find(answer.servers, server, &AskedServer::server);
    if (asked != answer.servers.end()) take_asked(*asked, view);
    facts.resolvers.push_back(std::move(view));
  }
  add_upstreams(*path, ways, facts);
  facts.host_forward = path->has_host_forward();
  facts.by_socket = path->by_socket;
  return facts;
}

DnsView make_dns_view(const DnsFacts& facts, const DnsDecision& decision, const Result<ResolverPath>& path, const EgressAnswer& answer) {
  DnsView view;
  view.verdict = decision.verdict;
  view.reason = decision.reason;
  view.also = decision.also;
  for (const auto& egress : facts.egress) {
    view.egress.push_back(egress.address);
    view.owners.push_back(owner_text(egress.facts));
  }
  if (!facts.egress.empty()) view.country = facts.egress.front().facts.country;
  view.resolvers = facts.resolvers;
  view.asked = answer.asked;
  view.answered = answer.answered;
  view.error = !path ? path.error().message : path->conf.cut ? path->file + " is too long to be read to its end" : answer.error;
  if (!path) return view;
  view.file = path->file;
  view.stub = stub_text(*path);
  return view;
}

}  // namespace vpn_sentinel
