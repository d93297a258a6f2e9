/// A namespace with two uplinks and a tunnel, and an observer at the far ends of the uplinks who counts what arrives, independently of
/// nf_tables. Documentation addresses only; nothing leaves the machine.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/firewall/firewall_policy.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

namespace vpn_sentinel {

/// Beside namespaces: nf_tables, nft(8) and /dev/net/tun.
struct NeedsFirewall : NeedsNamespaces {
  NeedsFirewall() {
    if (std::system("command -v nft >/dev/null && test -c /dev/net/tun") != 0) skip("SKIPPED: 'nft' or /dev/net/tun is missing");
    if (std::system("unshare -n nft add table inet t 2>/dev/null") != 0) skip("SKIPPED: this kernel has no nf_tables");
  }
  [[noreturn]] static void skip(const char* reason) {
    std::puts(reason);
    std::fflush(stdout);
    std::_Exit(77);
  }
};

/// A network namespace with a name, so that links can be moved to it.
class Named {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {
    BOOST_REQUIRE_EQUAL(std::system(fmt::format("ip netns add {}", name_).c_str()), 0);
    auto opened = NetNamespace::open({NamespaceRef::Kind::name, name_});
    BOOST_REQUIRE(opened.has_value());
    space_ = std::make_unique<NetNamespace>(std::move(*opened));
  }
  Named(const Named&) = delete;
  Named& operator=(const Named&) = delete;
  ~Named() {
    space_.reset();
    BOOST_TEST(std::system(fmt::format("ip netns delete {}", name_).c_str()) == 0);
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const NetNamespace& get() const { return *space_; }
  [[nodiscard]] SocketOpener opener() const { return space_->opener(); }
  void run(const std::string& command) const { BOOST_REQUIRE_MESSAGE(try_run(command), command); }
  [[nodiscard]] bool try_run(const std::string& command) const {
    int status = -1;
    const auto inside = space_->run_inside([&] { status = std::system(command.c_str()); });
    return inside && status == 0;
  }
  [[nodiscard]] std::string output_of(const std::string& command) const {
    std::string text;
    const auto inside = space_->run_inside([&] {
      const std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(command.c_str(), "r"), ::pclose};
      char part[4096];
      while (pipe && std::fgets(part, sizeof part, pipe.get()) != nullptr) text += part;
    });
    BOOST_REQUIRE(inside.has_value());
    return text;
  }

 private:
  std::string name_;
  std::unique_ptr<NetNamespace> space_;
};

template <typename Value>
std::string why(const Result<Value>& result) {
  return result ? std::string() : result.error().message;
}

/// How a program sends a packet.
struct Send {
  std::string to;
  std::uint16_t port = 0;
  std::string device{};
  std::uint32_t mark = 0;
  std::size_t size = 10;
};

struct TwoUplinks {
  static inline int serial = 0;
  static constexpr std::string_view server = "198.51.100.2";
  static constexpr std::uint16_t server_port = 51820;
  static constexpr std::uint32_t mark = 0xca6c;

  std::string prefix = fmt::format("vs{}-{}", ::getpid(), serial++);
  Named client{prefix + "c"};
  Named far{prefix + "f"};
  Fd tun;
  std::vector<Fd> observers;

  TwoUplinks() {
    client.run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 && ip link set lo up");
    for (const int i : {0, 1}) add_uplink(i);
    BOOST_REQUIRE(client.get().run_inside([this] { tun = make_tun(); }).has_value());
    BOOST_REQUIRE(static_cast<bool>(tun));
    client.run(
        "ip address add 10.8.0.2/24 dev tun0 && ip link set tun0 up && ip route add default dev tun0 && ip -6 route add default dev tun0 "
        "metric 1 && ip route add default via 192.0.2.2 dev eth0 metric 500 && ip route add default via 198.18.1.2 dev eth1 metric 600 && "
        "ip route add 198.51.100.0/24 via 192.0.2.2 dev eth0 && "
        "ip -6 route add default via 2001:db8:0::2 dev eth0 metric 500 && ip -6 route add default via 2001:db8:1::2 dev eth1 metric 600");
    for (const int i : {0, 1}) observers.push_back(observe(i));
    // What the links say when they come up is none of any test.
    (void)arrived();
  }

  void add_uplink(int i) const {
    const auto v4 = i == 0 ? "192.0.2" : "198.18.1";
    client.run(
        fmt::format("ip link add eth{0} address 02:00:00:00:{0:02}:01 type veth peer name far{0} address 02:00:00:00:{0:02}:02 netns {1}",
                    i, far.name()));
    far.run(fmt::format("sysctl -qw net.ipv6.conf.far{0}.disable_ipv6=1 && ip link set far{0} up", i));
    client.run(fmt::format(
        "ip address add {1}.1/24 dev eth{0} && ip -6 address add 2001:db8:{0}::1/64 dev eth{0} nodad && ip link set eth{0} up && "
        "ip neighbour replace {1}.2 lladdr 02:00:00:00:{0:02}:02 dev eth{0} && "
        "ip -6 neighbour replace 2001:db8:{0}::2 lladdr 02:00:00:00:{0:02}:02 dev eth{0}",
        i, v4));
  }

  static Fd make_tun() {
    Fd fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
    ifreq request{};
    std::memcpy(request.ifr_name, "tun0", 5);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) return Fd{};
    return fd;
  }

  [[nodiscard]] Fd observe(int i) const {
    auto socket = far.opener()(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    BOOST_REQUIRE(socket.has_value());
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    BOOST_REQUIRE(far.get()
                      .run_inside([&] { address.sll_ifindex = static_cast<int>(::if_nametoindex(fmt::format("far{}", i).c_str())); })
                      .has_value());
    BOOST_REQUIRE_EQUAL(::bind(socket->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return std::move(*socket);
  }

  /// Policy of the usual tests: tunnel tun0, server with its mark, the local network of eth1 and the standard ones.
  [[nodiscard]] static FirewallPolicy policy() {
    FirewallPolicy policy;
    policy.tunnels = {"tun0"};
    policy.endpoints = {{IpAddress::parse(server).value(), IPPROTO_UDP, server_port, mark}};
    policy.local_networks = standard_local_networks();
    policy.local_networks.push_back(IpPrefix::parse("198.18.1.0/24").value());
    policy.local_networks.push_back(IpPrefix::parse("2001:db8:1::/64").value());
    return policy;
  }

  /// 0, or the errno value of sendto(2).
  [[nodiscard]] int send(const Send& what) const {
    const Endpoint to{IpAddress::parse(what.to).value(), what.port};
    const auto socket = client.opener()(address_family(to.address.family()), SOCK_DGRAM, 0);
    BOOST_REQUIRE(socket.has_value());
    if (!what.device.empty()) {
      BOOST_REQUIRE_EQUAL(
          ::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, what.device.c_str(), static_cast<socklen_t>(what.device.size())), 0);
    }
    if (what.mark != 0) BOOST_REQUIRE_EQUAL(::setsockopt(socket->get(), SOL_SOCKET, SO_MARK, &what.mark, sizeof what.mark), 0);
    sockaddr_storage storage{};
    const auto length = to.to_sockaddr(storage);
    const std::string data(what.size, 'x');
    return ::sendto(socket->get(), data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&storage), length) < 0 ? errno : 0;
  }

  /// An IPv4 packet to 203.0.113.7, UDP port 4444, written to the device itself: no routing, no hook of IP.
  void send_by_packet_socket(const char* device) const {
    const auto socket = client.opener()(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
    BOOST_REQUIRE(socket.has_value());
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_IP);
    address.sll_halen = ETH_ALEN;
    BOOST_REQUIRE(client.get().run_inside([&] { address.sll_ifindex = static_cast<int>(::if_nametoindex(device)); }).has_value());
    const std::uint8_t packet[] = {0x45, 0,   0, 29,  0, 0,    0,    0,    64,   17, 0, 0, 192, 0,  2,
                                   1,    203, 0, 113, 7, 0x30, 0x39, 0x11, 0x5c, 0,  9, 0, 0,   'x'};
    (void)::sendto(socket->get(), packet, sizeof packet, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  /// IP packets that came out of both uplinks since the last call, without those to the VPN server. Ends them with one to the server by
  /// each uplink and waits for that one, so that nothing is still on its way.
  [[nodiscard]] std::size_t arrived() {
    std::size_t count = 0;
    for (std::size_t i = 0; i < observers.size(); ++i) {
      BOOST_REQUIRE_EQUAL(send({std::string(server), server_port, fmt::format("eth{}", i), mark, 77}), 0);
      bool ended = false;
      for (const auto deadline = mono_now() + std::chrono::seconds{5}; !ended;) {
        pollfd waiting{observers[i].get(), POLLIN, 0};
        BOOST_REQUIRE(mono_now() < deadline);
        if (::poll(&waiting, 1, 100) != 1) continue;
        std::uint8_t frame[2048];
        const auto size = ::recv(observers[i].get(), frame, sizeof frame, MSG_DONTWAIT);
        if (size < 34) continue;
        const auto type = frame[12] << 8 | frame[13];
        const bool to_server = type == ETH_P_IP && std::memcmp(frame + 30, "\xc6\x33\x64\x02", 4) == 0;
        ended = to_server && size == 14 + 28 + 77;
        if (type == ETH_P_IP && !to_server) ++count;
        if (type == ETH_P_IPV6 && !is_link_upkeep(frame)) ++count;
      }
    }
    return count;
  }

  /// Neighbour discovery, and reports of multicast listeners behind a hop-by-hop header.
  static bool is_link_upkeep(const std::uint8_t* frame) { return frame[20] == IPPROTO_ICMPV6 || frame[20] == IPPROTO_HOPOPTS; }
};

}  // namespace vpn_sentinel
