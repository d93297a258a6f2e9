#include "tests/property/network.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "netns/base/fatal_error.hpp"
#include "tests/property/make_operation.hpp"

namespace vpn_sentinel::property {
namespace {

// No neighbour discovery, so that a packet leaves when it is sent; no duplicate detection, so that an address works when it is added.
// The addresses of lo are there for the choice of a source when all others are gone.
constexpr std::array settings{"ipv4/fib_multipath_hash_policy=1", "ipv6/fib_multipath_hash_policy=1",
                              "ipv6/conf/all/accept_dad=0",       "ipv6/conf/default/accept_dad=0",
                              "ipv6/conf/default/disable_ipv6=0", "ipv6/conf/all/disable_ipv6=0",
                              "ipv6/conf/default/accept_ra=0",    "ipv6/conf/default/router_solicitations=0",
                              "ipv4/conf/all/rp_filter=0",        "ipv6/conf/default/addr_gen_mode=1"};
constexpr std::array v4_lines{"link set lo up",
                              "address add 198.18.99.1/32 dev lo",
                              "link set eth0 arp off up",
                              "address add 203.0.113.10/24 dev eth0",
                              "address add 198.19.0.2/24 dev tun0",
                              "link set tun0 up"};
constexpr std::array v6_lines{"address add 2001:db8:99::1/128 dev lo", "address add 2001:db8:10::10/64 dev eth0 nodad",
                              "address add 2001:db8:ff::2/64 dev tun0 nodad"};

void unshare_network() {
  if (::unshare(CLONE_NEWNET) == 0) return;
  throw FatalError(Network::no_root, fmt::format("cannot make a network namespace ({}): root is needed", std::strerror(errno)));
}

void write_setting(std::string_view setting) {
  const auto equals = setting.find('=');
  const auto path = fmt::format("/proc/sys/net/{}", setting.substr(0, equals));
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const auto value = setting.substr(equals + 1);
  if (!file || ::write(file.get(), value.data(), value.size()) < 0) {
    throw FatalError(Network::no_root, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
}

void stay_on_one_cpu() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &cpus);
  ::sched_setaffinity(0, sizeof cpus, &cpus);
}

}  // namespace

Network::Network() {
  unshare_network();
  stay_on_one_cpu();
  const Fd outside(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  unshare_network();
  for (const auto* const setting : settings) write_setting(setting);
  v4_ = std::make_unique<IpShell>(Family::v4);
  v6_ = std::make_unique<IpShell>(Family::v6);
  v4_->run(fmt::format("link add eth0 type veth peer name far0 netns /proc/{}/fd/{}", ::getpid(), outside.get()));
  const Fd inside(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (::setns(outside.get(), CLONE_NEWNET) != 0) throw FatalError(no_root, fmt::format("setns: {}", std::strerror(errno)));
  write_setting("ipv6/conf/all/disable_ipv6=1");
  IpShell(Family::v4).run("link set far0 arp off up");
  far_side_.emplace("far0");
  if (::setns(inside.get(), CLONE_NEWNET) != 0) throw FatalError(no_root, fmt::format("setns: {}", std::strerror(errno)));
  open_tunnel();
  for (const auto* const line : v4_lines) v4_->run(line);
  for (const auto* const line : v6_lines) v6_->run(line);
  marker_.emplace(Fixture::uplink);
}

void Network::open_tunnel() {
  tunnel_.reset();
  Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  ifreq request{};
  std::string(Fixture::tunnel).copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    throw FatalError(no_root, fmt::format("cannot make tun0: /dev/net/tun: {}", std::strerror(errno)));
  }
  tunnel_ = std::move(fd);
  // ip(8) remembers the index of a name.
  v4_ = std::make_unique<IpShell>(Family::v4);
  v6_ = std::make_unique<IpShell>(Family::v6);
}

void Network::drain_tunnel() const {
  std::array<std::uint8_t, 256> packet;
  while (tunnel_ && ::read(tunnel_.get(), packet.data(), packet.size()) > 0) {
  }
}

void Network::apply(const Operation& operation) {
  if (operation.effect == Operation::Effect::close_tunnel) tunnel_.reset();
  if (operation.effect == Operation::Effect::open_tunnel) open_tunnel();
  if (!operation.line.empty()) (operation.family == Family::v4 ? v4_ : v6_)->run(operation.line);
}

std::optional<std::string> Network::find_leak(const Flow& flow, std::span<const Destination> destinations) {
  send_packets(flow, destinations);
  const auto escaped = far_side_->next();
  if (!escaped) return std::nullopt;
  return fmt::format("to {} protocol {}, when sending with {}", escaped->destination.to_string(), escaped->protocol, flow.to_string());
}

std::optional<std::string> Network::find_leak(const Model& model, bool doubtful) {
  std::optional<std::string> leak;
  for (const auto family : {Family::v4, Family::v6}) {
    const auto space = flow_space(model, family);
    for (const auto& flow : doubtful ? space.doubtful : space.ordinary) {
      if (!leak) leak = find_leak(flow, space.destinations);
      drain_tunnel();
    }
  }
  const auto number = ++markers_;
  if (!marker_->send(number)) return leak;
  while (const auto escaped = far_side_->next_until_marker(number)) {
    if (!leak) leak = fmt::format("to {} protocol {}", escaped->destination.to_string(), escaped->protocol);
  }
  return leak;
}

Model Network::initial_model() {
  Model model;
  for (const auto* const text : {"203.0.113.10/24", "2001:db8:10::10/64"}) model.apply(add_address_operation(text, Fixture::uplink));
  for (const auto* const text : {"198.19.0.2/24", "2001:db8:ff::2/64"}) model.apply(add_address_operation(text, Fixture::tunnel));
  for (const auto* const text : {"198.18.99.1/32", "2001:db8:99::1/128"}) model.apply(add_address_operation(text, "lo"));
  return model;
}

std::string Network::preparation() {
  std::string text =
      "ip link add eth0 type veth peer name far0 netns OTHER  # far0: arp off, up\nip tuntap add dev tun0 mode tun  # held open\n";
  for (const auto* const setting : settings) text += fmt::format("sysctl -w net/{}\n", setting);
  for (const auto* const line : v4_lines) text += fmt::format("ip {}\n", line);
  for (const auto* const line : v6_lines) text += fmt::format("ip {}\n", line);
  return text;
}

}  // namespace vpn_sentinel::property
