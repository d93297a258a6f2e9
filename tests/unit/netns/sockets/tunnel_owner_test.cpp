#include "netns/sockets/tunnel_owner.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>

#include "netns/sockets/far_ends.hpp"
#include "netns/sockets/tunnel_facts.hpp"
#include "tests/unit/netns/support/descriptor_copies.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;

namespace {

/// Beside namespaces: /dev/net/tun, and copies of other programs' descriptors.
struct NeedsTun : NeedsNamespaces {
  NeedsTun() {
    if (!Fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)}) skip("SKIPPED: /dev/net/tun cannot be opened");
    if (!can_copy_descriptors()) skip("SKIPPED: pidfd_getfd(2) is refused, as systemd-nspawn and some containers do");
  }
  [[noreturn]] static void skip(const char* reason) {
    std::puts(reason);
    std::fflush(stdout);
    std::_Exit(77);
  }
};
BOOST_TEST_GLOBAL_FIXTURE(NeedsTun);

const std::string name = "vs" + std::to_string(::getpid() % 100'000) + "t";

/// A tun interface in the namespace of the calling thread.
Fd make_tun() {
  Fd fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) return Fd{};
  return fd;
}

Fd tun_in(const TestNamespace& space) {
  Fd tun;
  BOOST_TEST_REQUIRE(space.get().run_inside([&] { tun = make_tun(); }).has_value());
  BOOST_TEST_REQUIRE(static_cast<bool>(tun));
  return tun;
}

Result<TunnelOwner> owner_in(const NetNamespace& space, TunnelPrograms& programs, MonoTime not_before) {
  return find_tunnel_owner(space.opener(), space.identity(), name, programs, not_before);
}
Result<TunnelOwner> owner_in(const NetNamespace& space) {
  TunnelPrograms programs;
  return owner_in(space, programs, mono_now());
}
TunnelFacts facts_of(const NetNamespace& space, const std::string& link, const std::string& kind) {
  TunnelPrograms programs;
  return read_tunnel_facts(space.opener(), space.identity(), link, kind, programs, mono_now());
}

/// A UDP or TCP socket that has a far end; documentation addresses that nobody in the namespace has.
Fd connected(int family, int type, const char* address, std::uint16_t port) {
  Fd fd{::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  sockaddr_storage storage{};
  const auto length = Endpoint{IpAddress::parse(address).value(), port}.to_sockaddr(storage);
  (void)::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length);
  return fd;
}

/// A process in a namespace of its own with a tun there and some sockets, like a VPN program in its container.
class Program {
 public:
  explicit Program(const std::function<void()>& more = [] {}) {
    pid_ = ::fork();
    if (pid_ == 0) {
      if (::unshare(CLONE_NEWNET) != 0 || std::system("ip link set lo up && ip route add default dev lo") != 0) ::_exit(1);
      const auto tun = make_tun();
      if (!tun) ::_exit(2);
      more();
      ::raise(SIGSTOP);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
    BOOST_REQUIRE(WIFSTOPPED(status));
    space_ = NetNamespace::open({NamespaceRef::Kind::pid, std::to_string(pid_)}).value();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const NetNamespace& space() const { return *space_; }

 private:
  pid_t pid_ = -1;
  std::optional<NetNamespace> space_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tunnel_owner)

BOOST_AUTO_TEST_CASE(the_program_in_the_same_namespace_is_the_owner) {
  const Program program;
  const auto owner = owner_in(program.space());
  BOOST_TEST_REQUIRE(owner.has_value());
  BOOST_TEST(owner->pid == program.pid());
  BOOST_TEST(owner->uid == ::geteuid());
  BOOST_TEST(!owner->comm.empty());
  BOOST_TEST(owner->peers.empty());
  BOOST_TEST(!owner->peers_gap.has_value());
}

BOOST_AUTO_TEST_CASE(far_ends_of_connected_sockets_are_peers_and_loopback_and_unconnected_ones_are_not) {
  const Program program([] {
    // Never closed: the process stops with them open.
    (void)connected(AF_INET, SOCK_DGRAM, "198.51.100.2", 1194).release();
    (void)connected(AF_INET, SOCK_STREAM, "203.0.113.7", 443).release();
    (void)connected(AF_INET6, SOCK_DGRAM, "::ffff:198.51.100.9", 51820).release();
    (void)connected(AF_INET, SOCK_DGRAM, "127.0.0.1", 53).release();
    (void)connected(AF_INET, SOCK_DGRAM, "198.51.100.2", 1194).release();
    (void)::socket(AF_INET, SOCK_DGRAM, 0);
  });
  const auto owner = owner_in(program.space());
  BOOST_TEST_REQUIRE(owner.has_value());
  std::string peers;
  for (const auto& peer : owner->peers) peers += peer.to_string() + " ";
  BOOST_TEST(peers == "198.51.100.2:1194 198.51.100.9:51820 203.0.113.7:443 ");
}

BOOST_AUTO_TEST_CASE(a_program_with_very_many_sockets_is_asked_about_by_a_list_with_the_same_result) {
  const Program program([] {
    for (std::size_t i = 0; i <= most_sockets_to_copy; ++i) (void)::socket(AF_INET, SOCK_DGRAM, 0);
    (void)connected(AF_INET, SOCK_DGRAM, "198.51.100.2", 1194).release();
    (void)connected(AF_INET, SOCK_STREAM, "203.0.113.7", 443).release();
    (void)connected(AF_INET6, SOCK_DGRAM, "::ffff:198.51.100.9", 51820).release();
  });
  const auto owner = owner_in(program.space());
  BOOST_TEST_REQUIRE(owner.has_value());
  std::string peers;
  for (const auto& peer : owner->peers) peers += peer.to_string() + " ";
  BOOST_TEST(peers == "198.51.100.2:1194 198.51.100.9:51820 203.0.113.7:443 ");
}

BOOST_AUTO_TEST_CASE(sockets_are_asked_about_their_far_ends_and_closed_ones_are_left_out) {
  const auto udp = connected(AF_INET, SOCK_DGRAM, "127.0.0.2", 53);
  const Fd unconnected{::socket(AF_INET, SOCK_DGRAM, 0)};
  const Fd other{::socket(AF_UNIX, SOCK_STREAM, 0)};
  const auto files = std::vector<int>{udp.get(), unconnected.get(), other.get(), 1'000'000};
  const auto far_ends = read_far_ends(::getpid(), files);
  BOOST_TEST_REQUIRE(far_ends.has_value());
  BOOST_TEST_REQUIRE(far_ends->size() == 1U);
  BOOST_TEST(far_ends->front().to_string() == "127.0.0.2:53");
  BOOST_TEST((read_far_ends(::getpid(), std::vector<int>(most_sockets_to_copy + 1)).error().kind == Error::Kind::unavailable));
}

BOOST_AUTO_TEST_CASE(a_program_whose_interface_lives_in_another_namespace_is_found_there) {
  const TestNamespace space;
  const auto tun = tun_in(space);
  const auto owner = owner_in(space.get());
  BOOST_TEST_REQUIRE(owner.has_value());
  BOOST_TEST(owner->pid == ::getpid());
  BOOST_TEST((owner->netns != space.get().identity()));
}

BOOST_AUTO_TEST_CASE(of_several_interfaces_of_one_name_each_namespace_gets_its_own_program) {
  const Program first;
  const TestNamespace space;
  const auto tun = tun_in(space);
  // It is forked off after that and so holds the interface of `space`, too.
  const Program second;
  BOOST_TEST(owner_in(first.space()).value().pid == first.pid());
  BOOST_TEST(owner_in(second.space()).value().pid == second.pid());
  BOOST_TEST(owner_in(space.get()).value().pid == ::getpid());
}

BOOST_AUTO_TEST_CASE(questions_of_one_moment_share_a_look_and_later_ones_have_their_own) {
  TunnelPrograms programs;
  const Program first;
  const auto moment = mono_now();
  BOOST_TEST(owner_in(first.space(), programs, moment).value().pid == first.pid());
  const Program later;
  BOOST_TEST((owner_in(later.space(), programs, moment).error().kind == Error::Kind::not_found));
  BOOST_TEST(owner_in(first.space(), programs, moment).value().pid == first.pid());
  BOOST_TEST(owner_in(later.space(), programs, mono_now()).value().pid == later.pid());
}

BOOST_AUTO_TEST_CASE(a_look_does_not_count_any_longer_when_a_program_that_it_found_has_ended) {
  TunnelPrograms programs;
  const auto moment = mono_now();
  const Program second;
  NetNamespace gone = second.space();
  {
    const Program first;
    gone = first.space();
    BOOST_TEST(owner_in(gone, programs, moment).value().pid == first.pid());
  }
  BOOST_TEST((owner_in(gone, programs, moment).error().kind == Error::Kind::not_found));
  BOOST_TEST(owner_in(second.space(), programs, moment).value().pid == second.pid());
}

BOOST_AUTO_TEST_CASE(a_namespace_without_such_an_interface_has_no_owner_whatever_runs_elsewhere) {
  const Program program;
  const TestNamespace empty;
  BOOST_TEST((owner_in(empty.get()).error().kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_CASE(without_the_right_to_see_open_files_the_missing_capabilities_are_named) {
  const Program program;
  int ends[2];
  BOOST_REQUIRE_EQUAL(::pipe(ends), 0);
  const pid_t nobody = ::fork();
  if (nobody == 0) {
    // The identity and the sockets' namespace are known; what is missing is the look into other processes.
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
    const auto owner = owner_in(program.space());
    const auto text = owner ? std::string("found") : std::string(to_string(owner.error().kind)) + " " + owner.error().message;
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  char text[512]{};
  (void)!::read(ends[0], text, sizeof text - 1);
  ::close(ends[0]);
  ::waitpid(nobody, nullptr, 0);
  BOOST_TEST(std::string(text).starts_with("not_permitted"), text);
  BOOST_TEST(std::strstr(text, "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH") != nullptr, text);
}

BOOST_AUTO_TEST_CASE(a_tun_of_a_program_without_a_control_socket_has_no_wireguard_and_no_gap) {
  const Program program;
  const auto facts = facts_of(program.space(), name, "tun");
  BOOST_TEST(facts.owner.has_value());
  BOOST_TEST(!facts.wireguard.has_value());
  BOOST_TEST(facts.gaps.empty());
  BOOST_TEST(tunnel_endpoints(facts).empty());
}

BOOST_AUTO_TEST_CASE(a_kernel_wireguard_that_is_not_there_is_a_gap_with_its_reason) {
  const TestNamespace space;
  const auto facts = facts_of(space.get(), "wg0", "wireguard");
  BOOST_TEST(!facts.wireguard.has_value());
  BOOST_TEST_REQUIRE(facts.gaps.size() == 1U);
  const auto kind = facts.gaps.front().kind;
  // Either the kernel has no WireGuard at all, or no such interface.
  BOOST_TEST((kind == Error::Kind::unavailable || kind == Error::Kind::not_found), facts.gaps.front().message);
}

BOOST_AUTO_TEST_CASE(other_kinds_of_tunnels_have_nobody_to_ask) {
  const TestNamespace space;
  const auto facts = facts_of(space.get(), "ppp0", "ppp");
  BOOST_TEST_REQUIRE(facts.gaps.size() == 1U);
  BOOST_TEST((facts.gaps.front().kind == Error::Kind::unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
