#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "netns/netlink/decode.hpp"
#include "netns/netlink/request.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "netns/sockets/tunnel_facts.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/doctor_netlink.hpp"
#include "probe/app/print_layers.hpp"
#include "probe/checks/resolver_path.hpp"
#include "probe/watch/container_finder.hpp"
#include "probe/watch/observe.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;

/// Two engines that hang, and some processes.
constexpr std::chrono::seconds longest_container_search{6};

constexpr DoctorTopic open_topic{
    "namespace", "watching this target", "it is not watched",
    "start the VPN first, or correct VPN_SENTINEL_NETNS; pid: and container: of other users need CAP_SYS_PTRACE", true};
constexpr DoctorTopic pattern_topic{"namespaces", "watching what this pattern matches", "", "'ip netns list' shows the names"};
constexpr DoctorTopic enter_topic{"entering", "sockets inside the namespace", "it is not watched",
                                  "AmbientCapabilities=CAP_SYS_ADMIN in the unit, or a probe that shares the namespace", true};
constexpr DoctorTopic look_topic{"looking", "routes and look-ups inside the namespace", "nothing can be judged", "", true};
constexpr DoctorTopic tunnel_topic{"tunnel", "telling inside from outside",
                                   "the state is danger or contained until the tunnel is there and up",
                                   "start the VPN, or name its interface in VPN_SENTINEL_TUNNEL"};
constexpr DoctorTopic owner_topic{"tunnel's program", "learning the VPN server's address, and the WireGuard control socket",
                                  "the server's address has to be configured (VPN_SENTINEL_ENDPOINT)",
                                  "AmbientCapabilities=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH in the unit; for a container --pid=host"};
constexpr DoctorTopic wireguard_topic{
    "WireGuard state", "handshake age: a server that does not answer any more", "a dead server is found by the liveness check only",
    "AmbientCapabilities=CAP_NET_ADMIN (kernel) or CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE (programs) in the unit"};

Result<std::vector<Link>> read_links(const SocketOpener& inside) {
  const auto request = dump_request(DumpKind::links, 1);
  const auto answer = ask_kernel(inside, {NETLINK_ROUTE, request, {1}, true, false});
  if (!answer) return fail(answer.error());
  if (const int code = answer->codes.at(1); code != 0) return fail(system_error(code, "listing the links"));
  std::vector<Link> links;
  for (const auto& reply : answer->replies) {
    if (auto link = decode_link(reply.payload)) links.push_back(std::move(*link));
  }
  return links;
}

/// By the engines and, for an id, without them, on the finder's thread.
Result<ContainerProcess> find_container(const TargetPolicy& target) {
  boost::asio::io_context io{1};
  Result<ContainerProcess> process = fail(Error::Kind::timed_out, fmt::format("{} was not found in time", target.netns.to_string()));
  const auto request = boost::asio::use_service<ContainerFinder>(io).find(target.netns.value, target.container_sockets,
                                                                          [&](const Result<ContainerProcess>& found) {
                                                                            process = found;
                                                                            io.stop();
                                                                          });
  const auto work = boost::asio::make_work_guard(io);
  io.run_for(longest_container_search);
  return process;
}

std::string group_of(const TargetPolicy& target) { return "target " + target.client_id; }

Result<std::uint32_t> index_of_way_out(const SocketOpener& inside) {
  auto look_up = RouteLookup::open(inside);
  if (!look_up) return fail(look_up.error());
  return routed_index(*look_up);
}

class TargetDoctor {
 public:
  explicit TargetDoctor(const TargetPolicy& target) : target_(target), group_(group_of(target)) {}

  std::vector<DoctorLine> examine(const Result<NetNamespace>& space) {
    if (!space) return bad(open_topic, space.error()), std::move(lines_);
    good(open_topic,
         fmt::format("{} is {}{}", target_.netns.to_string(), space->identity().to_string(), space->is_own() ? ", the probe's own" : ""));
    if (const auto socket = space->open_socket(AF_INET, SOCK_DGRAM, 0); !socket) return bad(enter_topic, socket.error()), std::move(lines_);
    good(enter_topic, space->is_own() ? "no need to" : "done");
    look_inside(*space);
    return std::move(lines_);
  }

 private:
  void good(const DoctorTopic& topic, std::string detail) { lines_.push_back(doctor_line(group_, topic, Status::ok, std::move(detail))); }
  void bad(const DoctorTopic& topic, const Error& error) { lines_.push_back(doctor_line(group_, topic, status_of(error), error.message)); }

  void look_inside(const NetNamespace& space) {
    const auto inside = space.opener();
    auto links = read_links(inside);
    if (!links) return bad(look_topic, links.error());
    const auto routed = index_of_way_out(inside);
    if (!routed) return bad(look_topic, routed.error());
    good(look_topic, fmt::format("{} links, the kernel answers look-ups", links->size()));
    lines_.push_back(resolver_line(group_, {target_.netns, process(), std::nullopt}, inside));
    Snapshot snapshot;
    snapshot.links = std::move(*links);
    const auto* const tunnel = find_tunnel(snapshot, target_.tunnels, LearntTunnel{}, *routed);
    if (tunnel == nullptr) {
      return bad(tunnel_topic, {Error::Kind::not_found, target_.tunnels.empty() ? "no link looks like a tunnel" : "no link has that name"});
    }
    const TunnelView view{tunnel->name, tunnel->kind, tunnel->index, takes_packets(*tunnel), tunnel->carrier, false};
    lines_.push_back(doctor_line(group_, tunnel_topic, view.up ? Status::ok : Status::missing, tunnel_state(view)));
    TunnelPrograms programs;
    tell_facts(read_tunnel_facts(inside, space.identity(), tunnel->name, tunnel->kind, programs, mono_now()), tunnel->kind);
  }

  [[nodiscard]] std::optional<pid_t> process() const {
    if (target_.netns.kind != NamespaceRef::Kind::container) return target_.netns.process();
    const auto found = find_container(target_);
    return found ? std::optional(found->pid) : std::nullopt;
  }

  void tell_facts(const TunnelFacts& facts, const std::string& kind) {
    if (facts.owner) good(owner_topic, fmt::format("{} (pid {}, uid {})", facts.owner->comm, facts.owner->pid, facts.owner->uid));
    if (facts.wireguard) good(wireguard_topic, wireguard_text(*facts.wireguard));
    for (const auto& gap : facts.gaps) {
      // A tun without an owner has nobody to ask about WireGuard either: one line says it.
      const bool about_owner = kind == "tun" && (!facts.owner || facts.owner->peers_gap == gap);
      bad(about_owner ? owner_topic : wireguard_topic, gap);
    }
    if (facts.wireguard || !facts.gaps.empty()) return;
    lines_.push_back(doctor_line(group_, wireguard_topic, Status::not_needed, "the tunnel's program has no WireGuard control socket"));
  }

  static std::string wireguard_text(const WireGuardDevice& device) {
    const auto age = handshake_age(device, wall_now());
    return fmt::format("{} peer(s), {}", device.peers.size(),
                       age ? fmt::format("last handshake {} ago", human_duration(*age)) : std::string("no handshake yet"));
  }

  const TargetPolicy& target_;
  std::string group_;
  std::vector<DoctorLine> lines_;
};

}  // namespace

Result<NetNamespace> open_target(const TargetPolicy& target) {
  if (target.netns.kind != NamespaceRef::Kind::container) return NetNamespace::open(target.netns);
  const auto process = find_container(target);
  if (!process) return fail(process.error());
  return NetNamespace::open(NamespaceRef::of_pid(process->pid));
}

std::vector<DoctorLine> target_lines(const TargetPolicy& target, const Result<NetNamespace>& space) {
  return TargetDoctor(target).examine(space);
}

DoctorLine unmatched_line(const TargetPolicy& pattern) {
  return doctor_line(group_of(pattern), pattern_topic, Status::not_needed,
                     fmt::format("nothing matches {} now; what comes is watched", pattern.netns.to_string()));
}

}  // namespace vpn_sentinel
