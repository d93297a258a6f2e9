#include "probe/connections/flow_way.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace vpn_sentinel {
namespace {

constexpr std::uint16_t dns_port = 53;
constexpr std::uint16_t dns_over_tls_port = 853;

bool has(const std::vector<std::string>& names, const std::string& name) { return std::ranges::find(names, name) != names.end(); }

bool has_ports(std::uint8_t protocol) { return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP; }

enum class Answer : std::uint8_t { no, unknown, yes };

/// One that took the tunnel's name and is of another type is not the tunnel.
bool is_tunnel(const Link& link, const FirewallPolicy& policy) {
  if (!has(policy.tunnels, link.name)) return false;
  const auto type = std::ranges::find(policy.tunnel_types, link.name, &TunnelType::tunnel);
  return type == policy.tunnel_types.end() || type->type == link.type;
}

Answer matches_mark(std::uint32_t value, std::uint32_t mask, const std::optional<std::uint32_t>& mark) {
  if (mask == 0) return Answer::yes;
  if (!mark) return Answer::unknown;
  return (*mark & mask) == (value & mask) ? Answer::yes : Answer::no;
}

Answer goes_to_server(const Sighting& seen, const FirewallPolicy& policy) {
  auto best = Answer::no;
  for (const auto& server : policy.endpoints) {
    if (server.address != seen.key.remote.address) continue;
    const bool same_protocol =
        server.protocol == 0 ? server.port == 0 || has_ports(seen.key.protocol) : server.protocol == seen.key.protocol;
    if (!same_protocol || (server.port != 0 && server.port != seen.key.remote.port)) continue;
    best = std::max(best, matches_mark(server.mark, server.mark == 0 ? 0 : ~0U, seen.mark));
  }
  return best;
}

template <typename Range, typename Number>
bool contains(const Range& range, Number number) {
  return range.first <= number && number <= range.last;
}

/// Ports and addresses, which are always known.
bool ends_match(const Sighting& seen, const AllowedPackets& packets) {
  const auto& [protocol, local, remote, cookie] = seen.key;
  if (packets.family && *packets.family != remote.address.family()) return false;
  if (packets.protocol != 0 && packets.protocol != protocol) return false;
  if ((packets.source_ports || packets.destination_ports) && !has_ports(protocol)) return false;
  if (packets.source_ports && !contains(*packets.source_ports, local.port)) return false;
  if (packets.destination_ports && !contains(*packets.destination_ports, remote.port)) return false;
  if (packets.source && !packets.source->contains(local.address)) return false;
  return !packets.destination || packets.destination->contains(remote.address);
}

Answer is_allowed(const Sighting& seen, const AllowedPackets& packets) {
  // The priority of a socket is told by nobody.
  if (packets.priority != 0 || !ends_match(seen, packets)) return Answer::no;
  auto answer = matches_mark(packets.mark, packets.mark_mask, seen.mark);
  if (packets.uids) answer = std::min(answer, !seen.uid ? Answer::unknown : contains(*packets.uids, *seen.uid) ? Answer::yes : Answer::no);
  return answer;
}

Answer is_allowed(const Sighting& seen, const FirewallPolicy& policy) {
  auto best = Answer::no;
  for (const auto& packets : policy.allowed) best = std::max(best, is_allowed(seen, packets));
  return best;
}

int longest(const std::vector<IpPrefix>& networks, const IpAddress& address) {
  int length = -1;
  for (const auto& network : networks) {
    if (network.contains(address)) length = std::max(length, static_cast<int>(network.length()));
  }
  return length;
}

/// Of a network of the tunnel and a local one the longer decides, of equal ones the tunnel; names are never looked up by local networks.
bool is_local(const Sighting& seen, const FirewallPolicy& policy) {
  const auto& [address, port] = seen.key.remote;
  if (has_ports(seen.key.protocol) && (port == dns_port || port == dns_over_tls_port)) return false;
  return longest(policy.local_networks, address) > longest(policy.tunnel_networks, address);
}

FlowDirection by_device(const Sighting& seen, const Link& link, const FlowGround& ground) {
  const auto direction = [&link](FlowWay way) { return FlowDirection{way, link.name, {}}; };
  if (link.is_loopback()) return direction(FlowWay::loopback);
  if (!ground.tunnel_known) return {FlowWay::unknown, link.name, "it is not known which interface is the tunnel"};
  if (is_tunnel(link, ground.policy)) return direction(FlowWay::tunnel);
  if (has(ground.policy.inner_devices, link.name)) return direction(FlowWay::local);
  const auto server = goes_to_server(seen, ground.policy);
  if (server == Answer::yes) return direction(FlowWay::server);
  const auto allowed = is_allowed(seen, ground.policy);
  if (allowed == Answer::yes) return direction(FlowWay::allowed);
  if (is_local(seen, ground.policy)) return direction(FlowWay::local);
  if (server == Answer::unknown || allowed == Answer::unknown) {
    return {FlowWay::unknown, link.name, "its mark or user is not told, by which it may be allowed (CAP_NET_ADMIN is needed)"};
  }
  return direction(FlowWay::outside);
}

/// What tells two questions apart.
using AskedFor = std::tuple<IpAddress, std::optional<IpAddress>, std::uint32_t, std::optional<std::uint32_t>, std::uint8_t, std::uint16_t,
                            std::uint16_t>;
AskedFor asked_for(const RouteQuestion& question) {
  const auto& flow = question.flow;
  return {question.destination, flow.source, flow.mark, flow.uid, flow.ip_protocol, flow.source_port, flow.destination_port};
}

bool is_own(const IpAddress& address, const FlowGround& ground) {
  return std::ranges::any_of(ground.addresses, [&address](const InterfaceAddress& own) { return own.address == address; });
}

}  // namespace

std::string_view to_string(FlowWay way) {
  static constexpr std::array<std::string_view, 8> words{"unknown", "tunnel", "outside",  "allowed",
                                                         "server",  "local",  "loopback", "nowhere"};
  return words.at(static_cast<std::size_t>(way));
}

std::string_view to_string(FlowSource kind) {
  static constexpr std::array<std::string_view, 4> words{"ebpf", "sock_diag", "conntrack", "nflog"};
  return words.at(static_cast<std::size_t>(kind));
}

FlowGround make_flow_ground(const Snapshot& snapshot, FirewallPolicy policy, bool tunnel_known) {
  FlowGround ground;
  ground.policy = std::move(policy);
  ground.tunnel_known = tunnel_known;
  for (const auto& link : snapshot.links) ground.links.emplace(link.index, link);
  ground.addresses = snapshot.addresses;
  ground.rules_by_mark = std::ranges::any_of(snapshot.rules, [](const Rule& rule) { return rule.fwmask != 0 || rule.has_unknown; });
  ground.rules_by_ports =
      std::ranges::any_of(snapshot.rules, [](const Rule& rule) { return rule.source_ports || rule.destination_ports || rule.has_unknown; });
  return ground;
}

std::optional<FlowDirection> way_by_device(const Sighting& seen, const FlowGround& ground) {
  const auto& remote = seen.key.remote.address;
  if (remote.is_loopback() || is_own(remote, ground)) return FlowDirection{FlowWay::loopback, "lo", {}};
  const auto index = seen.out_index != 0 ? seen.out_index : seen.bound_index;
  if (index == 0) return std::nullopt;
  const auto link = ground.links.find(index);
  if (link == ground.links.end()) return FlowDirection{FlowWay::unknown, {}, fmt::format("the device {} is not known", index)};
  // Bound to a VRF it leaves by one of its members.
  if (seen.out_index == 0 && link->second.kind == "vrf") return FlowDirection{FlowWay::unknown, link->second.name, "it is bound to a VRF"};
  return by_device(seen, link->second, ground);
}

RouteQuestion route_question(const Sighting& seen, bool with_ports) {
  RouteQuestion question;
  question.destination = seen.key.remote.address;
  question.flow.mark = seen.mark.value_or(0);
  question.flow.uid = seen.uid;
  question.flow.ip_protocol = has_ports(seen.key.protocol) || seen.key.protocol == IPPROTO_ICMP ? seen.key.protocol : std::uint8_t{0};
  if (with_ports) {
    question.flow.source_port = seen.key.local.port;
    question.flow.destination_port = seen.key.remote.port;
  }
  const auto& own = seen.key.local.address;
  if (!own.is_unspecified() && own.family() == seen.key.remote.address.family()) question.flow.source = own;
  return question;
}

FlowDirection way_by_route(const Sighting& seen, const Result<RouteAnswer>& answer, const FlowGround& ground) {
  if (!answer) return {FlowWay::unknown, {}, "the route could not be asked for: " + answer.error().message};
  if (!seen.mark && ground.rules_by_mark)
    return {FlowWay::unknown, {}, "its mark is not told, and rules look at marks (CAP_NET_ADMIN is needed)"};
  if (answer->kind == RouteAnswer::Kind::local) return {FlowWay::loopback, "lo", {}};
  if (answer->kind != RouteAnswer::Kind::device) return {FlowWay::nowhere, {}, {}};
  std::optional<FlowDirection> found;
  for (const auto& hop : answer->route.next_hops) {
    const auto link = ground.links.find(hop.link_index);
    if (link == ground.links.end()) return {FlowWay::unknown, {}, fmt::format("the device {} is not known", hop.link_index)};
    auto direction = by_device(seen, link->second, ground);
    if (found && found->way != direction.way) return {FlowWay::unknown, {}, "its route has several next hops, which go different ways"};
    found = std::move(direction);
  }
  return found.value_or(FlowDirection{FlowWay::unknown, {}, "its route names no device"});
}

std::vector<FlowDirection> find_ways(const std::vector<Sighting>& seen, const FlowGround& ground, RouteLookup& look_up) {
  std::vector<FlowDirection> ways(seen.size());
  std::vector<RouteQuestion> questions;
  std::map<AskedFor, std::size_t> known;  // into `questions`
  std::vector<std::pair<std::size_t, std::size_t>> asked;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (auto way = way_by_device(seen[i], ground)) {
      ways[i] = std::move(*way);
      continue;
    }
    const auto question = route_question(seen[i], ground.rules_by_ports);
    const auto [at, is_new] = known.try_emplace(asked_for(question), questions.size());
    if (is_new) questions.push_back(question);
    asked.emplace_back(i, at->second);
  }
  const auto answers = look_up.look_up(questions);
  for (const auto& [i, question] : asked) ways[i] = way_by_route(seen[i], answers[question], ground);
  return ways;
}

}  // namespace vpn_sentinel
