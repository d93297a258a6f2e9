// A snapshot that may lack what the kernel has must be known as such: by what was lost, and by what cannot be read.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <bit>

#include <boost/test/unit_test.hpp>

#include "netns/monitor/follower.hpp"
#include "tests/unit/netns/support/watched.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t plenty = 100'000;

/// Sockets of a protocol that knows none of the requests: every dump is answered with an error.
SocketOpener refusing(SocketOpener opener) {
  return [opener = std::move(opener)](int domain, int type, int) { return opener(domain, type, NETLINK_GENERIC); };
}

/// Puts a socket that refuses every dump into the place of the one with this number and port.
void make_refusing(const TestNamespace& inside, int fd) {
  sockaddr_nl address{};
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  BOOST_REQUIRE(::getsockname(fd, generic, &length) == 0);
  address.nl_groups = 0;
  const auto other = refusing(inside.opener())(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE).value();
  BOOST_REQUIRE(::bind(other.get(), generic, sizeof address) == 0);
  BOOST_REQUIRE(::dup3(other.get(), fd, O_CLOEXEC) == fd);
}

Follower start(const TestNamespace& inside, int receive_buffer = Follower::usual_receive_buffer) {
  auto follower = Follower::open(inside.opener(), Follower::Mode::follow, receive_buffer).value();
  BOOST_REQUIRE(follower.read_everything(mono_now() + 10s).has_value());
  return follower;
}

void add_rules(const TestNamespace& inside, int count) {
  inside.run(fmt::format("bash -c 'for i in $(seq 1 {}); do echo rule add priority $i table 7; done | ip -batch -'", count));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(out_of_step)

BOOST_AUTO_TEST_CASE(a_follower_is_out_of_step_from_a_loss_until_everything_was_read_again) {
  const TestNamespace inside;
  auto follower = start(inside, 0);
  BOOST_TEST(!follower.out_of_step_since().has_value());
  const auto before = mono_now();
  add_rules(inside, 1000);
  while (follower.read(plenty).more) continue;
  BOOST_TEST_REQUIRE(follower.out_of_step_since().has_value());
  const auto since = *follower.out_of_step_since();
  BOOST_TEST((since >= before));
  while (!follower.settled()) {
    BOOST_TEST((follower.out_of_step_since() == since));
    BOOST_REQUIRE(follower.start_dump().has_value());
    while (follower.read(plenty).more) continue;
  }
  BOOST_TEST(!follower.out_of_step_since().has_value());
}

BOOST_AUTO_TEST_CASE(a_part_that_the_kernel_refuses_to_list_is_told_at_once_and_fails_in_the_end) {
  const TestNamespace inside;
  auto follower = start(inside);
  make_refusing(inside, follower.fd());
  follower.doubt_everything();
  int rounds = 0;
  std::optional<Error> failure;
  while (!failure && rounds < 100) {
    ++rounds;
    follower.want_doubtful();
    while (!follower.settled()) {
      BOOST_REQUIRE(follower.start_dump().has_value());
      auto turn = follower.read(plenty);
      if (turn.failure && !failure) failure = std::move(turn.failure);
      BOOST_TEST(follower.out_of_step_since().has_value());
    }
  }
  BOOST_TEST(rounds == 8);
  BOOST_TEST_REQUIRE(failure.has_value());
  BOOST_TEST(failure->message.find("refused to list") != std::string::npos, failure->message);
}

BOOST_AUTO_TEST_CASE(a_first_look_that_is_refused_says_so) {
  const TestNamespace inside;
  const auto snapshot = take_snapshot(refusing(inside.opener()));
  BOOST_TEST_REQUIRE(!snapshot.has_value());
  BOOST_TEST(snapshot.error().message.find("refused to list") != std::string::npos, snapshot.error().message);
}

BOOST_AUTO_TEST_CASE(a_monitor_that_hears_no_more_dumps_stays_out_of_step_while_events_go_on) {
  Watched watched(quiet);
  Fd duplicate;
  const auto opener = watched.inside.opener();
  watched.start(
      [&](int domain, int type, int protocol) {
        auto socket = opener(domain, type, protocol);
        if (socket) duplicate = Fd{::fcntl(socket->get(), F_DUPFD_CLOEXEC, 0)};
        return socket;
      },
      0);
  BOOST_TEST(!watched.monitor->out_of_step_since().has_value());
  add_rules(watched.inside, 1000);
  // Parts of dumps and their ends have the flag NLM_F_MULTI.
  std::array<sock_filter, 4> code{{BPF_STMT(BPF_LD | BPF_B | BPF_ABS, std::endian::native == std::endian::little ? 6U : 7U),
                                   BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NLM_F_MULTI, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
                                   BPF_STMT(BPF_RET | BPF_K, 0xffffffff)}};
  const sock_fprog program{code.size(), code.data()};
  BOOST_REQUIRE(::setsockopt(duplicate.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
  BOOST_TEST(watched.await([&] { return watched.monitor->out_of_step_since().has_value(); }));
  // Until the queue has been read empty the kernel drops every further message.
  while (watched.io.poll() > 0) watched.io.restart();
  watched.inside.run("ip rule add priority 2000 table 8");
  BOOST_TEST(watched.await([&] { return std::ranges::count(watched.monitor->snapshot().rules, 8U, &Rule::table) == 1; }));
  BOOST_TEST(watched.monitor->out_of_step_since().has_value());
  BOOST_TEST(std::ranges::count(watched.monitor->snapshot().rules, 7U, &Rule::table) < 1000);
}

BOOST_AUTO_TEST_CASE(ipv6_routes_of_a_link_that_went_down_without_a_word_are_found_gone) {
  Watched watched(
      "ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link set eth0 up addrgenmode none &&"
      "ip link set eth1 up addrgenmode none && ip -6 address add 2001:db8:1::1/64 dev eth0 nodad && ip -6 route add 2001:db8:7::/48 dev "
      "eth0");
  if (!watched.inside.try_run("echo 1 2>/dev/null >/proc/sys/net/ipv6/route/skip_notify_on_dev_down")) {
    BOOST_TEST_MESSAGE("SKIPPED: /proc/sys/net is read-only or there is no IPv6");
    return;
  }
  BOOST_TEST(watched.has_route("2001:db8:7::/48", 254));
  watched.inside.run("ip link set eth0 down");
  BOOST_TEST(watched.await([&] { return !watched.has_route("2001:db8:7::/48", 254); }));
}

BOOST_AUTO_TEST_SUITE_END()
