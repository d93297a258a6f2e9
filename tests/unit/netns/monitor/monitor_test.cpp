#include "netns/monitor/monitor.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

constexpr auto* uplink_and_tunnel =
    "ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link add wg0 type veth peer name wg1 &&"
    "for d in eth0 eth1 wg0 wg1; do ip link set $d up addrgenmode none || exit 1; done &&"
    "ip address add 203.0.113.10/24 dev eth0 && ip address add 198.19.0.2/32 dev wg0 &&"
    "ip route add default via 203.0.113.1 && ip route add default dev wg0 table 51820 &&"
    "ip rule add not fwmark 51820 table 51820";

/// Nothing here changes by itself: a veth tells of its carrier up to a second later.
constexpr auto* quiet = "ip link set lo up";

/// Equal but for statistics and the order of what has none.
bool equivalent(Snapshot a, const Snapshot& b) {
  for (auto& link : a.links) {
    const auto* other = b.find_link(link.index);
    if (other == nullptr) return false;
    link.rx_bytes = other->rx_bytes;
    link.tx_bytes = other->tx_bytes;
    link.rx_packets = other->rx_packets;
    link.tx_packets = other->tx_packets;
  }
  const auto order = [](const Route& route) { return std::tuple(route.destination, route.table, route.metric, route.type); };
  auto routes = b.routes;
  std::ranges::stable_sort(routes, {}, order);
  std::ranges::stable_sort(a.routes, {}, order);
  return std::ranges::is_permutation(a.links, b.links) && std::ranges::is_permutation(a.addresses, b.addresses) && a.routes == routes &&
         a.rules == b.rules;
}

/// A namespace with a monitor on a loop, and everything that the monitor said.
class Watched {
 public:
  explicit Watched(const std::string& prepare = uplink_and_tunnel) {
    inside.run(prepare);
    start(inside.opener());
  }

  void start(const SocketOpener& opener) {
    monitor.reset();
    auto started = Monitor::start(io, opener,
                                  {[this](const Monitor::Change& change) {
                                     changes.push_back(change);
                                     if (on_change) on_change();
                                   },
                                   [this](const Error& error) { blind = error; }});
    BOOST_REQUIRE_MESSAGE(started, (started ? "" : started.error().message));
    monitor = std::move(*started);
  }

  /// Runs the loop until `reached`; no longer than 10 s.
  template <typename Reached>
  [[nodiscard]] bool await(Reached reached) {
    const auto deadline = mono_now() + 10s;
    while (!reached() && mono_now() < deadline) {
      io.restart();
      io.run_one_for(50ms);
    }
    return reached();
  }
  [[nodiscard]] bool await_cause(std::string_view cause) {
    const bool told = await([&] { return std::ranges::find(changes, cause, &Monitor::Change::cause) != changes.end(); });
    if (!told) {
      for (const auto& change : changes) BOOST_TEST_MESSAGE("told: " << change.cause);
    }
    return told;
  }
  [[nodiscard]] bool await_truth() {
    return await([&] { return equivalent(monitor->snapshot(), take_snapshot(inside.opener()).value()); });
  }
  [[nodiscard]] bool has_route(std::string_view destination, std::uint32_t table) const {
    const auto prefix = IpPrefix::parse(destination).value();
    return std::ranges::any_of(monitor->snapshot().routes, [&](const Route& r) { return r.destination == prefix && r.table == table; });
  }

  TestNamespace inside;
  boost::asio::io_context io;
  std::vector<Monitor::Change> changes;
  std::optional<Error> blind;
  std::function<void()> on_change;
  std::unique_ptr<Monitor> monitor;
};

/// The descriptor that a VPN program holds; closing it is the program's death.
Fd open_tunnel(const TestNamespace& inside, const char* name) {
  Fd tunnel;
  const auto opened = inside.get().run_inside([&] {
    tunnel = Fd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (::ioctl(tunnel.get(), TUNSETIFF, &request) != 0) tunnel.reset();
  });
  BOOST_REQUIRE(opened);
  BOOST_REQUIRE(tunnel);
  return tunnel;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(monitor)

BOOST_AUTO_TEST_CASE(the_first_snapshot_is_complete_when_start_returns) {
  Watched watched;
  BOOST_TEST(watched.has_route("0.0.0.0/0", 254));
  BOOST_TEST(watched.has_route("0.0.0.0/0", 51820));
  BOOST_TEST(watched.monitor->snapshot().find_link("wg0")->kind == "veth");
  BOOST_TEST(watched.monitor->snapshot().addresses.size() >= 4U);
  BOOST_TEST(watched.changes.empty());
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(a_link_that_is_set_down_is_told_and_its_silent_routes_are_gone_at_once) {
  Watched watched;
  bool still_routed = true;
  watched.on_change = [&] { still_routed = watched.has_route("0.0.0.0/0", 51820); };
  watched.inside.run("ip link set wg0 down");
  BOOST_TEST(watched.await_cause("link wg0 down"));
  BOOST_TEST(!still_routed);
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(the_death_of_the_vpn_program_is_a_lost_carrier) {
  Watched watched("ip link set lo up");
  auto tunnel = open_tunnel(watched.inside, "tun7");
  watched.inside.run("ip link set tun7 up && ip address add 198.19.0.2/24 dev tun7 && ip route add default dev tun7");
  BOOST_TEST(watched.await_truth());
  tunnel.reset();
  BOOST_TEST(watched.await_cause("link tun7 down (carrier lost)"));
  BOOST_TEST(watched.await([&] { return watched.monitor->snapshot().find_link("tun7") == nullptr; }));
  BOOST_TEST(!watched.has_route("0.0.0.0/0", 254));
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(a_restarted_tunnel_has_a_new_index_and_is_found_by_its_name) {
  Watched watched("ip link set lo up");
  auto tunnel = open_tunnel(watched.inside, "tun7");
  BOOST_TEST(watched.await_cause("link tun7 added"));
  const auto before = watched.monitor->snapshot().find_link("tun7")->index;
  tunnel.reset();
  BOOST_TEST(watched.await_cause("link tun7 deleted"));
  watched.changes.clear();
  tunnel = open_tunnel(watched.inside, "tun7");
  BOOST_TEST(watched.await_cause("link tun7 added"));
  BOOST_TEST(watched.monitor->snapshot().find_link("tun7")->index != before);
}

BOOST_AUTO_TEST_CASE(every_way_to_change_the_way_out_is_told_in_words) {
  Watched watched;
  const auto check = [&](const std::string& command, std::string_view cause) {
    watched.inside.run(command);
    BOOST_TEST(watched.await_cause(cause), cause);
  };
  check("ip route replace default dev eth0 table 51820", "route default dev eth0 table 51820 replaced");
  check("ip route add 198.51.100.0/24 via 203.0.113.1", "route 198.51.100.0/24 via 203.0.113.1 dev eth0 added");
  check("ip route add 128.0.0.0/2 via 203.0.113.1", "route 128.0.0.0/2 via 203.0.113.1 dev eth0 added");
  check("ip route add unreachable default metric 4000", "route unreachable default metric 4000 added");
  check("ip route add 64.0.0.0/2 dev eth0 table local", "route 64.0.0.0/2 dev eth0 table local added");
  check("ip -6 route add default dev eth0 metric 7", "IPv6 route default dev eth0 metric 7 added");
  check("ip rule delete not fwmark 51820 table 51820", "rule 32765 not fwmark 0xca6c lookup 51820 deleted");
  check("ip rule add priority 9 to 198.51.100.0/24 lookup main", "rule 9 to 198.51.100.0/24 lookup main added");
  check("ip address delete 198.19.0.2/32 dev wg0", "address 198.19.0.2/32 of wg0 removed");
  check("ip link set wg0 mtu 1280", "link wg0 mtu 1500 changed to 1280");
  check("ip link set wg1 down", "link wg1 down");
  check("ip link set eth0 down", "link eth0 down");
  watched.inside.run("ip link delete eth0");
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(routes_that_preferred_a_removed_source_address_leave_the_snapshot) {
  Watched watched;
  watched.inside.run("ip address add 203.0.113.11/24 dev eth0 && ip route add 192.0.2.0/24 dev eth0 src 203.0.113.11");
  BOOST_TEST(watched.await([&] { return watched.has_route("192.0.2.0/24", 254); }));
  watched.inside.run("ip address delete 203.0.113.11/24 dev eth0");
  BOOST_TEST(watched.await([&] { return !watched.has_route("192.0.2.0/24", 254); }));
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(ipv6_multipath_routes_end_up_as_the_kernel_has_them) {
  Watched watched;
  watched.inside.run(
      "ip -6 address add 2001:db8:10::10/64 dev eth0 nodad && ip -6 route add default via 2001:db8:10::1 metric 5 &&"
      "ip -6 route append default via 2001:db8:10::2 metric 5 && ip -6 route append default via 2001:db8:10::3 metric 5");
  BOOST_TEST(watched.await_truth());
  watched.inside.run("ip -6 route delete default via 2001:db8:10::2 metric 5");
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(a_next_hop_object_moves_its_routes) {
  Watched watched;
  if (!watched.inside.try_run("ip nexthop add id 1 dev wg0 && ip route add 192.0.2.0/24 nhid 1")) return;
  BOOST_TEST(watched.await_truth());
  watched.inside.run("ip nexthop replace id 1 via 203.0.113.1 dev eth0");
  BOOST_TEST(watched.await_truth());
  watched.inside.run("ip nexthop delete id 1");
  BOOST_TEST(watched.await([&] { return !watched.has_route("192.0.2.0/24", 254); }));
}

BOOST_AUTO_TEST_CASE(a_message_that_changes_nothing_that_matters_is_not_told) {
  Watched watched(quiet);
  watched.inside.run("ip link property add dev lo altname another-name && ip address add 198.19.0.3/32 dev lo");
  BOOST_TEST(watched.await_cause("address 198.19.0.3/32 of lo added"));
  BOOST_TEST(watched.changes.front().cause == "address 198.19.0.3/32 of lo added");
}

BOOST_AUTO_TEST_CASE(generations_grow_by_one_and_times_do_not_go_back) {
  Watched watched(quiet);
  const auto before = watched.monitor->generation();
  watched.inside.run("ip rule add priority 9 table 9");
  BOOST_TEST(watched.await_cause("rule 9 from all lookup 9 added"));
  watched.inside.run("ip rule delete priority 9");
  BOOST_TEST(watched.await_cause("rule 9 from all lookup 9 deleted"));
  BOOST_TEST_REQUIRE(watched.changes.size() == 2U);
  BOOST_TEST(watched.changes[0].generation == before + 1);
  BOOST_TEST(watched.changes[1].generation == before + 2);
  BOOST_TEST(watched.monitor->generation() == before + 2);
  BOOST_TEST((watched.changes[0].received <= watched.changes[1].received));
  BOOST_TEST(!watched.changes[1].resynchronised);
}

BOOST_AUTO_TEST_CASE(after_an_overrun_everything_is_read_again) {
  Watched watched;
  const auto file = fmt::format("/tmp/unit-routes-{}", ::getpid());
  {
    std::ofstream batch{file};
    for (int i = 0; i < 30'000; ++i) batch << fmt::format("route add blackhole 198.{}.{}.{}\n", 18 + i / 65536, i / 256 % 256, i % 256);
  }
  watched.inside.run("ip -batch " + file);
  std::remove(file.c_str());
  std::size_t others = 0;
  std::function<void()> other = [&] {
    ++others;
    if (watched.changes.empty() || !watched.changes.back().resynchronised) boost::asio::post(watched.io, other);
  };
  boost::asio::post(watched.io, other);
  BOOST_TEST(watched.await([&] { return !watched.changes.empty() && watched.changes.back().resynchronised; }));
  BOOST_TEST(watched.changes.front().cause.starts_with("messages were lost"));
  // The flood was read in many turns, and other work of the loop had its turns in between.
  BOOST_TEST(watched.changes.size() > 50U);
  BOOST_TEST(others > 50U);
  BOOST_TEST(watched.await_truth());
  BOOST_TEST(watched.monitor->snapshot().routes.size() > 30'000U);
}

BOOST_AUTO_TEST_CASE(a_monitor_may_be_destroyed_by_its_listener) {
  Watched watched(quiet);
  watched.on_change = [&] { watched.monitor.reset(); };
  watched.inside.run("ip link set lo down");
  BOOST_TEST(watched.await_cause("link lo down (set down)"));
  watched.inside.run("ip link set lo up");
  watched.io.restart();
  watched.io.run();
  BOOST_TEST(watched.changes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_destroyed_monitor_leaves_no_work_on_the_loop) {
  Watched watched(quiet);
  watched.inside.run("ip link set lo down");
  BOOST_TEST(watched.await_cause("link lo down (set down)"));
  watched.monitor.reset();
  watched.io.restart();
  watched.io.run();
  BOOST_TEST(watched.io.stopped());
}

BOOST_AUTO_TEST_CASE(without_a_socket_neither_a_monitor_nor_a_snapshot_comes_to_be) {
  const Error refusal{Error::Kind::not_permitted, "no socket"};
  const SocketOpener refuse = [&](int, int, int) -> Result<Fd> { return fail(refusal); };
  boost::asio::io_context io;
  BOOST_TEST((Monitor::start(io, refuse, {}).error() == refusal));
  BOOST_TEST((take_snapshot(refuse).error() == refusal));
}

/// Breaks the event socket of a monitor as nothing else can: the number of its descriptor suddenly means another file. A duplicate keeps
/// the old socket alive, so that its next message still wakes the loop.
class Breakable {
 public:
  explicit Breakable(SocketOpener opener) : opener_(std::move(opener)) {}
  [[nodiscard]] SocketOpener opener() {
    return [this](int domain, int type, int protocol) -> Result<Fd> {
      if (refuse) return fail(Error::Kind::not_permitted, "no second socket");
      auto socket = opener_(domain, type, protocol);
      if (socket) last_ = socket->get();
      return socket;
    };
  }
  void break_it() {
    kept_ = Fd{::fcntl(last_, F_DUPFD_CLOEXEC, 0)};
    const Fd other{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    BOOST_REQUIRE(::dup3(other.get(), last_, O_CLOEXEC) == last_);
  }
  void forget() { kept_.reset(); }
  bool refuse = false;

 private:
  SocketOpener opener_;
  Fd kept_;
  int last_ = -1;
};

BOOST_AUTO_TEST_CASE(a_failed_socket_is_opened_again_and_nothing_is_missed) {
  Watched watched;
  Breakable breakable{watched.inside.opener()};
  watched.start(breakable.opener());
  breakable.break_it();
  watched.on_change = [&] { breakable.forget(); };
  watched.inside.run("ip link set wg0 down");
  BOOST_TEST(watched.await([&] { return !watched.changes.empty() && watched.changes.back().resynchronised; }));
  BOOST_TEST(watched.changes.front().cause == "the connection to the kernel failed and was opened again");
  BOOST_TEST(!watched.monitor->snapshot().find_link("wg0")->is_up());
  BOOST_TEST(!watched.blind.has_value());
  watched.changes.clear();
  watched.inside.run("ip link set wg0 up");
  BOOST_TEST(watched.await([&] { return !watched.changes.empty() && watched.monitor->snapshot().find_link("wg0")->is_up(); }));
  BOOST_TEST(watched.await_truth());
}

BOOST_AUTO_TEST_CASE(a_failed_socket_that_cannot_be_opened_again_makes_the_monitor_blind) {
  Watched watched;
  Breakable breakable{watched.inside.opener()};
  watched.start(breakable.opener());
  breakable.break_it();
  breakable.refuse = true;
  watched.inside.run("ip link set wg0 down");
  BOOST_TEST(watched.await([&] { return watched.blind.has_value(); }));
  breakable.forget();
  BOOST_TEST((watched.blind == Error{Error::Kind::not_permitted, "no second socket"}));
  BOOST_TEST(watched.changes.empty());
}

BOOST_AUTO_TEST_SUITE_END()
