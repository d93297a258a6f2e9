#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "probe/app/commands.hpp"
#include "probe/app/one_look.hpp"
#include "probe/app/output.hpp"
#include "probe/app/print_peers.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_search = 3s;
constexpr auto between_peers = 1s;
constexpr std::size_t most_peers = 20'000;
constexpr std::size_t most_tries = 1024;

std::string one_line(const nlohmann::json& value) { return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"; }

void print_once(const TargetPolicy& policy, const PeersWish& wish, const ServingView& view) {
  const PeersTold told{policy.connections.destinations, policy.exit.database.get()};
  if (wish.json) {
    return print_out(peers_json(name_of(policy), view, told).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  const auto style = style_of_stdout();
  auto text = print_ports(name_of(policy), view, style);
  if (!view.peers.empty()) text += print_peers_heading(style);
  for (const auto& peer : view.peers) text += print_peer(peer, told, style);
  if (view.not_listed > 0) text += fmt::format("{} more are connected and not listed\n", view.not_listed);
  print_out(text + print_blocked(view, told));
}

/// Prints who is new, who has ended, ports of which something else is known, and where blocked tries come from.
class Changes {
 public:
  Changes(const TargetPolicy& policy, const PeersWish& wish)
      : policy_(policy), wish_(wish), told_{policy.connections.destinations, policy.exit.database.get()} {}

  void print(const ServingView& view) {
    const auto style = style_of_stdout();
    auto heading = ports_text(view);
    if (heading != std::exchange(ports_, heading)) {
      print_out(wish_.json ? one_line({{"ports", peers_json(name_of(policy_), view, told_)["ports"]}})
                           : print_ports(name_of(policy_), view, style));
    }
    print_peers(view, style);
    print_blocked_news(view);
  }

 private:
  using Printed = std::tuple<ListenPort, std::string, Endpoint, WallTime, bool>;

  static std::string ports_text(const ServingView& view) {
    std::string text;
    for (const auto& port : view.ports)
      text += fmt::format("{}{}{}{};", port.connected.has_value(), to_string(port.source), port.why, port.note);
    return text;
  }

  void print_peers(const ServingView& view, const Style& style) {
    std::set<Printed> now;
    for (const auto& peer : view.peers) {
      Printed printed{peer.port, peer.public_key, peer.far, peer.since, peer.ended.has_value()};
      if (!printed_.contains(printed))
        print_out(wish_.json ? one_line({{"peer", peer_json(peer, told_)}}) : print_peer(peer, told_, style));
      now.insert(std::move(printed));
    }
    printed_ = std::move(now);
  }

  void print_blocked_news(const ServingView& view) {
    std::map<std::pair<ListenPort, IpAddress>, std::uint64_t> now;
    for (const auto& from : view.blocked_from) {
      const auto known = blocked_.find({from.port, from.address});
      now[{from.port, from.address}] = from.packets;
      if (known != blocked_.end() && known->second == from.packets) continue;
      if (wish_.json) {
        print_out(one_line({{"blocked", blocked_json(from, told_)}}));
      } else {
        ServingView only;
        only.blocked_since = view.blocked_since;
        only.blocked_packets = view.blocked_packets;
        only.blocked_from = {from};
        print_out(print_blocked(only, told_));
      }
    }
    blocked_ = std::move(now);
  }

  const TargetPolicy& policy_;
  PeersWish wish_;
  PeersTold told_;
  std::string ports_;
  std::set<Printed> printed_;
  std::map<std::pair<ListenPort, IpAddress>, std::uint64_t> blocked_;
};

/// Follows the namespace, too, which may be made anew.
int follow(const TargetPolicy& policy, const PeersWish& wish) {
  boost::asio::io_context io(1);
  HttpClient http(io);
  DnsClient dns(io);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
  auto serving = policy.serving;
  Changes changes(policy, wish);
  auto quiet = kernel_facts_only(policy);
  TargetWatch watch(io, http, dns, quiet, [](const auto&, const auto&) {});
  std::optional<NamespaceIdentity> attached;
  ServingWatch clients(io, std::move(serving), [&] {
    changes.print(clients.state().view(most_peers, most_tries, true));
    if (flush_output() != 0) io.stop();
  });
  boost::asio::steady_timer timer(io);
  int code = 0;
  std::function<void()> tick = [&] {
    if (watch.identity() != attached) {
      attached = watch.identity();
      if (attached) clients.attach(*watch.space());
    }
    if (!attached) {
      code = could_not_look(name_of(policy), watch.seen().blind ? watch.seen().blind->message : "the namespace is gone");
      return io.stop();
    }
    if (const auto* const snapshot = watch.snapshot()) clients.refresh(*snapshot, between_peers);
    timer.expires_after(200ms);
    timer.async_wait([&](const boost::system::error_code& error) {
      if (!error) tick();
    });
  };
  watch.start();
  tick();
  io.run();
  return code;
}

}  // namespace

int peers_command(const TargetPolicy& policy, const PeersWish& wish) {
  if (policy.serving.ports.empty()) return could_not_look(name_of(policy), "no port is named (--listen udp/51820, VPN_SENTINEL_LISTEN)");
  if (wish.watch) return follow(policy, wish);
  OneLook look(kernel_facts_only(policy));
  const auto& watch = look.run(longest_search);
  if (watch.seen().blind) return could_not_look(name_of(policy), watch.seen().blind->message);
  const auto* const snapshot = watch.snapshot();
  if (!watch.space() || snapshot == nullptr) return could_not_look(name_of(policy), "the namespace is gone");
  ServingState state(policy.serving.ports);
  PortLooker looker(*watch.space(), policy.serving.ports);
  TunnelPrograms programs;
  state.take(looker.look(serving_ground(*snapshot), programs, mono_now()), wall_now(), mono_now());
  state.end_blocked("they are seen while somebody listens: use --watch, or the daemon");
  const auto view = state.view(most_peers, most_tries, false);
  print_once(policy, wish, view);
  const bool all_tell = std::ranges::all_of(view.ports, [](const PortView& port) { return port.connected.has_value(); });
  return all_tell ? 0 : exit_unknown;
}

}  // namespace vpn_sentinel
