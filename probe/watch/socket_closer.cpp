#include "probe/watch/socket_closer.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

#include "probe/watch/outside_policy.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_listed = 20'000;
constexpr std::size_t most_closed = 256;
constexpr std::size_t most_told = 8;
constexpr std::size_t most_spared_servers = 64;

std::string words(const OpenConnection& connection) {
  return fmt::format("{} to {} of user {}", connection.protocol == IPPROTO_TCP ? "TCP" : "UDP", connection.remote.to_string(),
                     connection.uid);
}

template <typename Range>
bool is_in(const std::optional<Range>& range, std::uint32_t number) {
  return !range || (range->first <= number && number <= range->last);
}

bool is_in(const std::optional<IpPrefix>& network, const IpAddress& address) { return !network || network->contains(address); }

/// Whatever is asked for and not known of the connection (its mark, and the priority of its socket) is taken to be so.
bool may_bypass(const OpenConnection& connection, const AllowedPackets& allowed) {
  const bool is_family = !allowed.family || *allowed.family == connection.remote.address.family();
  const bool is_protocol = allowed.protocol == 0 || allowed.protocol == connection.protocol;
  const bool is_marked = !connection.mark || ((*connection.mark ^ allowed.mark) & allowed.mark_mask) == 0;
  return is_family && is_protocol && is_marked && is_in(allowed.uids, connection.uid) &&
         is_in(allowed.source_ports, connection.local.port) && is_in(allowed.destination_ports, connection.remote.port) &&
         is_in(allowed.source, connection.local.address) && is_in(allowed.destination, connection.remote.address);
}

/// The routes send it out by an uplink, though its own address is the tunnel's.
bool is_routed_outside(const Result<RouteAnswer>& answer, const std::vector<std::uint32_t>& uplinks) {
  if (!answer || answer->kind != RouteAnswer::Kind::device) return false;
  return std::ranges::any_of(answer->route.next_hops,
                             [&](const NextHop& hop) { return std::ranges::find(uplinks, hop.link_index) != uplinks.end(); });
}

}  // namespace

OutsideConnections outside_connections(const Observation& seen, const Snapshot& snapshot, const TargetPolicy& policy,
                                       const std::vector<IpAddress>& servers) {
  const auto allowed = outside_policy(seen, policy);
  OutsideConnections outside;
  for (const auto& name : allowed.uplinks) {
    if (const auto* const link = snapshot.find_link(name)) outside.uplinks.push_back(link->index);
  }
  for (const auto& own : snapshot.addresses) {
    if (std::ranges::find(outside.uplinks, own.link_index) != outside.uplinks.end()) outside.addresses.push_back(own.address);
  }
  outside.spared = allowed.local_networks;
  for (const auto& server : servers) outside.spared.emplace_back(server, 128);
  outside.allowed = allowed.allowed;
  return outside;
}

bool is_spared(const OpenConnection& connection, const OutsideConnections& outside) {
  const auto& remote = connection.remote.address;
  if (remote.is_loopback() || remote.is_link_local() || remote.is_unspecified()) return true;
  if (std::ranges::any_of(outside.spared, [&](const IpPrefix& network) { return network.contains(remote); })) return true;
  return std::ranges::any_of(outside.allowed, [&](const AllowedPackets& allowed) { return may_bypass(connection, allowed); });
}

bool runs_outside(const OpenConnection& connection, const OutsideConnections& outside) {
  if (is_spared(connection, outside)) return false;
  if (connection.link_index != 0) return std::ranges::find(outside.uplinks, connection.link_index) != outside.uplinks.end();
  return std::ranges::find(outside.addresses, connection.local.address) != outside.addresses.end();
}

void SocketCloser::follow(State state, const Observation& seen, const Snapshot& snapshot, const SocketOpener& opener,
                          RouteLookup& look_up) {
  if (!policy_.audit.close_leaking_sockets || policy_.offline) return;
  const auto remember = [&](const IpAddress& address) {
    if (servers_.size() < most_spared_servers && std::ranges::find(servers_, address) == servers_.end()) servers_.push_back(address);
  };
  for (const auto& server : seen.endpoints) remember(server.address);
  for (const auto& address : seen.possible_endpoints) remember(address);
  const bool turned = state == State::danger && !danger_;
  danger_ = state == State::danger;
  if (turned) close(seen, snapshot, opener, look_up);
}

void SocketCloser::close(const Observation& seen, const Snapshot& snapshot, const SocketOpener& opener, RouteLookup& look_up) {
  closed_ = 0;
  destinations_.clear();
  error_.clear();
  if (servers_.empty()) {
    error_ = "no VPN server is known, and one of the connections may be the tunnel's own";
    return;
  }
  const auto all = list_open_connections(opener, most_listed);
  if (!all) {
    error_ = all.error().message;
    return;
  }
  const auto outside = outside_connections(seen, snapshot, policy_, servers_);
  std::vector<OpenConnection> chosen;
  std::vector<OpenConnection> others;
  std::vector<RouteQuestion> questions;
  for (const auto& connection : *all) {
    if (is_spared(connection, outside)) continue;
    if (runs_outside(connection, outside)) {
      chosen.push_back(connection);
    } else if (connection.link_index == 0 && questions.size() < most_closed) {
      Flow flow;
      flow.uid = connection.uid;
      flow.source = connection.local.address;
      flow.ip_protocol = connection.protocol;
      questions.push_back({connection.remote.address, flow});
      others.push_back(connection);
    }
  }
  const auto answers = look_up.look_up(questions);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (is_routed_outside(answers[i], outside.uplinks)) chosen.push_back(others[i]);
  }
  if (chosen.size() > most_closed) {
    error_ = fmt::format("{} more were left open", chosen.size() - most_closed);
    chosen.resize(most_closed);
  }
  const auto done = destroy_connections(opener, chosen);
  if (!done) {
    error_ = done.error().message;
    return;
  }
  closed_ = done->closed;
  for (std::size_t i = 0; i < std::min(chosen.size(), most_told); ++i) destinations_.push_back(words(chosen[i]));
}

std::optional<Finding> SocketCloser::finding(WallTime now) const {
  if (!danger_ || (closed_ == 0 && error_.empty())) return std::nullopt;
  nlohmann::json evidence{{"closed", closed_}, {"connections", destinations_}};
  if (!error_.empty()) evidence["error"] = error_;
  return Finding{"connections_closed", Severity::information, now, std::move(evidence)};
}

}  // namespace vpn_sentinel
