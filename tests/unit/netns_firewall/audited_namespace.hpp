/// Rulesets made by nft(8) and iptables(8) in a namespace with an uplink, the audit's word about them, and packets that are really sent and
/// seen, or not, beyond the uplink.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "netns/firewall/ruleset_audit.hpp"
#include "netns/firewall/ruleset_dump.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

namespace vpn_sentinel {

/// A packet that a program sends to the uplink eth0.
struct Sent {
  std::string to;
  std::uint8_t protocol = IPPROTO_UDP;  ///< IPPROTO_ICMP stands for an echo request of either family
  std::uint16_t port = 443;
  uid_t user = 0;
};

struct AuditedNamespace {
  TwoUplinks net;
  nft::Socket nft;

  AuditedNamespace() : nft(nft::open_nft(net.client.opener()).value()) {
    // Echo requests without the right to send raw packets.
    net.client.run("sysctl -qw net.ipv4.ping_group_range='0 2147483647'");
  }

  void load(const std::string& rules) const { BOOST_REQUIRE_MESSAGE(try_load(rules), rules.substr(0, 2000)); }

  [[nodiscard]] bool try_load(const std::string& rules) const { return try_file("nft -f", "flush ruleset\n" + rules); }
  /// `command`: iptables-nft-restore(8) of a family.
  [[nodiscard]] bool try_restore(const std::string& command, const std::string& rules) const { return try_file(command, rules); }
  void run(const std::string& command) const { net.client.run(command); }

  [[nodiscard]] audit::AuditQuestion question() const {
    audit::AuditQuestion question;
    std::uint32_t index = 0;
    BOOST_REQUIRE(net.client.get().run_inside([&] { index = ::if_nametoindex("eth0"); }).has_value());
    question.uplinks = {{"eth0", index}};
    question.not_outside = standard_local_networks();
    question.not_outside.push_back(IpPrefix::parse("198.51.100.2").value());
    return question;
  }

  [[nodiscard]] audit::Ruleset ruleset() {
    auto ruleset = audit::read_whole_ruleset(nft);
    BOOST_REQUIRE_MESSAGE(ruleset.has_value(), why(ruleset));
    return std::move(*ruleset);
  }
  [[nodiscard]] audit::Audit audit(const audit::AuditQuestion& question) { return audit_ruleset(ruleset(), question); }
  [[nodiscard]] audit::Audit audit() { return audit(question()); }

  /// True when it came out of eth0.
  [[nodiscard]] bool leaves(const Sent& sent) {
    drain();
    send(sent);
    // What comes after it tells that it is not on its way any more. It goes round the hooks of IP, and those of the device let ARP pass.
    send_end();
    return arrived();
  }

 private:
  [[nodiscard]] bool try_file(const std::string& command, const std::string& text) const {
    const auto path = fmt::format("/tmp/{}.rules", net.prefix);
    {
      const std::unique_ptr<FILE, int (*)(FILE*)> file{std::fopen(path.c_str(), "w"), std::fclose};
      BOOST_REQUIRE(file != nullptr);
      BOOST_REQUIRE(std::fputs(text.c_str(), file.get()) >= 0);
    }
    const bool taken = net.client.try_run(fmt::format("{} {} 2>/dev/null", command, path));
    std::remove(path.c_str());
    return taken;
  }

  [[nodiscard]] Fd make_socket(const Sent& sent, Family family) const {
    const int echo = family == Family::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
    const bool ping = sent.protocol == IPPROTO_ICMP;
    const int type = sent.protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
    Fd socket;
    // To nf_tables a socket belongs to the user as whom the thread made it.
    const auto inside = net.client.get().run_inside([&] {
      ::setfsuid(sent.user);
      socket = Fd{::socket(address_family(family), type | SOCK_NONBLOCK | SOCK_CLOEXEC, ping ? echo : sent.protocol)};
      ::setfsuid(0);
    });
    BOOST_REQUIRE(inside.has_value());
    BOOST_REQUIRE(static_cast<bool>(socket));
    BOOST_REQUIRE_EQUAL(::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4), 0);
    return socket;
  }

  void send(const Sent& sent) const {
    const Endpoint to{IpAddress::parse(sent.to).value(), sent.port};
    const auto socket = make_socket(sent, to.address.family());
    sockaddr_storage storage{};
    const auto length = to.to_sockaddr(storage);
    const auto* const address = reinterpret_cast<const sockaddr*>(&storage);
    if (sent.protocol == IPPROTO_TCP) {
      (void)::connect(socket.get(), address, length);
      return;
    }
    const std::uint8_t type = to.address.is_v4() ? 8 : 128;
    const std::uint8_t echo[] = {type, 0, 0, 0, 0, 0, 0, 1, 'x', 'y', 'z', 'x'};
    (void)::sendto(socket.get(), echo, sizeof echo, 0, address, length);
  }

  void send_end() const {
    const auto socket = net.client.opener()(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ARP));
    BOOST_REQUIRE(socket.has_value());
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ARP);
    address.sll_halen = ETH_ALEN;
    BOOST_REQUIRE(net.client.get().run_inside([&] { address.sll_ifindex = static_cast<int>(::if_nametoindex("eth0")); }).has_value());
    const std::uint8_t end[28] = {0xff, 0xff, 0xee};
    BOOST_REQUIRE_EQUAL(::sendto(socket->get(), end, sizeof end, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address), 28);
  }

  void drain() {
    std::uint8_t frame[2048];
    while (::recv(net.observers[0].get(), frame, sizeof frame, MSG_DONTWAIT) > 0) {
    }
  }

  /// An IP packet came before the end.
  bool arrived() {
    bool seen = false;
    for (const auto deadline = mono_now() + std::chrono::seconds{5};;) {
      pollfd waiting{net.observers[0].get(), POLLIN, 0};
      BOOST_REQUIRE(mono_now() < deadline);
      if (::poll(&waiting, 1, 100) != 1) continue;
      std::uint8_t frame[2048];
      const auto size = ::recv(net.observers[0].get(), frame, sizeof frame, MSG_DONTWAIT);
      if (size < 34) continue;
      const auto type = frame[12] << 8 | frame[13];
      if (type == ETH_P_ARP && frame[14] == 0xff && frame[16] == 0xee) return seen;
      if (type == ETH_P_IP) seen = true;
      const bool upkeep = frame[20] == IPPROTO_HOPOPTS || (frame[20] == IPPROTO_ICMPV6 && frame[54] >= 130);
      if (type == ETH_P_IPV6 && !upkeep) seen = true;
    }
  }
};

}  // namespace vpn_sentinel
