#include "tests/bench/protected_network.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "netns/base/fatal_error.hpp"

namespace vpn_sentinel {
namespace {

constexpr int exit_failed = 70;
constexpr std::uint32_t table = 51820;  // wg-quick takes the same number for the table and for the mark of the tunnel's own packets
constexpr std::uint32_t rule_priority = 32765;

// Link-local addresses would be checked for duplicates during the first seconds, and their messages would mix with those of a break.
constexpr std::string_view uplink_lines = R"(link set lo up
link add eth0 type veth peer name gateway0
link set eth0 addrgenmode none
link set gateway0 addrgenmode none
link set gateway0 up
link set eth0 up
address add 203.0.113.10/24 dev eth0
route add default via 203.0.113.1 dev eth0
)";
constexpr std::string_view rule_lines = R"(rule add table main suppress_prefixlength 0 priority 32764
rule add not fwmark 51820 table 51820 priority 32765
)";
constexpr std::string_view tunnel_lines = R"(link set tun0 addrgenmode none
address add 198.19.0.2/24 dev tun0
link set tun0 up
route add default dev tun0 table 51820
)";

void ip(std::string_view lines) {
  auto* const program = ::popen("ip -batch -", "w");
  if (!program) throw FatalError(exit_failed, fmt::format("cannot start ip: {}", std::strerror(errno)));
  const auto written = std::fwrite(lines.data(), 1, lines.size(), program);
  const int status = ::pclose(program);
  if (written != lines.size() || status != 0) throw FatalError(exit_failed, fmt::format("ip failed at one of these lines:\n{}", lines));
}

std::uint32_t index_of(const char* link) {
  const auto index = ::if_nametoindex(link);
  if (index == 0) throw FatalError(exit_failed, fmt::format("there is no link {}", link));
  return index;
}

IpAddress address(std::string_view text) { return IpAddress::parse(text).value_or(IpAddress{}); }

}  // namespace

const std::array<ProtectedNetwork::Break, 5>& ProtectedNetwork::breaks() {
  static const std::array<Break, 5> all{{
      {"link down", &ProtectedNetwork::set_link_down, "link set tun0 up\nroute replace default dev tun0 table 51820\n"},
      {"tun fd closed (kill)", &ProtectedNetwork::close_tunnel, tunnel_lines},
      {"default replaced", &ProtectedNetwork::replace_default, "route replace default dev tun0 table 51820\n"},
      {"rule deleted", &ProtectedNetwork::delete_rule, "rule add not fwmark 51820 table 51820 priority 32765\n"},
      {"address deleted", &ProtectedNetwork::delete_address,
       "address add 198.19.0.2/24 dev tun0\nroute replace default dev tun0 table 51820\n"},
  }};
  return all;
}

void ProtectedNetwork::enter() {
  if (::unshare(CLONE_NEWNET) == 0) return;
  throw FatalError(no_root, fmt::format("cannot make a network namespace ({}): root is needed", std::strerror(errno)));
}

ProtectedNetwork::ProtectedNetwork() {
  ip(uplink_lines);
  ip(rule_lines);
  open_tunnel();
  ip(tunnel_lines);
}

void ProtectedNetwork::mend(const Break& kind) {
  if (!tunnel_) open_tunnel();
  ip(kind.mend);
}

void ProtectedNetwork::stir() { ip("address add 198.18.0.1/32 dev gateway0\naddress del 198.18.0.1/32 dev gateway0\n"); }

void ProtectedNetwork::open_tunnel() {
  Fd fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)};
  ifreq request{};
  std::copy_n(tunnel, std::strlen(tunnel), request.ifr_name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    throw FatalError(no_root, fmt::format("cannot make {}: /dev/net/tun: {}", tunnel, std::strerror(errno)));
  }
  tunnel_ = std::move(fd);
}

MonoTime ProtectedNetwork::set_link_down() { return kernel_.carry_out(link_down_request(index_of(tunnel))); }

/// What the kernel does when a VPN daemon is killed. The call itself lasts 15 ms and more, most of it after the messages are out.
MonoTime ProtectedNetwork::close_tunnel() {
  const auto before = mono_now();
  tunnel_.reset();
  return before;
}

MonoTime ProtectedNetwork::replace_default() {
  return kernel_.carry_out(replace_default_request(address("203.0.113.1"), index_of("eth0"), table));
}

MonoTime ProtectedNetwork::delete_rule() { return kernel_.carry_out(delete_rule_request(table, table, rule_priority)); }

MonoTime ProtectedNetwork::delete_address() {
  return kernel_.carry_out(delete_address_request(address("198.19.0.2"), 24, index_of(tunnel)));
}

}  // namespace vpn_sentinel
