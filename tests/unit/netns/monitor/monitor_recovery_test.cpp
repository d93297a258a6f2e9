// What the monitor does when messages were lost or its socket failed: everything is read again, or its owner hears that it is blind.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>
#include <functional>
#include <utility>

#include "tests/unit/netns/support/watched.hpp"

using namespace vpn_sentinel;

namespace {

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

/// A monitor whose event socket is broken; it has not noticed yet.
struct Broken {
  Broken() {
    watched.start(breakable.opener());
    breakable.break_it();
  }
  Watched watched;
  Breakable breakable{watched.inside.opener()};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(monitor_recovery)

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
  // The flood was read in many turns, other work of the loop had its turns in between, and the calls stayed few.
  BOOST_TEST(watched.changes.size() < 1000U);
  BOOST_TEST(others > 50U);
  BOOST_TEST(watched.await_truth());
  BOOST_TEST(watched.monitor->snapshot().routes.size() > 30'000U);
}

BOOST_AUTO_TEST_CASE(without_a_socket_neither_a_monitor_nor_a_snapshot_comes_to_be) {
  const Error refusal{Error::Kind::not_permitted, "no socket"};
  const SocketOpener refuse = [&](int, int, int) -> Result<Fd> { return fail(refusal); };
  boost::asio::io_context io;
  BOOST_TEST((Monitor::start(io, refuse, {}).error() == refusal));
  BOOST_TEST((take_snapshot(refuse).error() == refusal));
}

BOOST_FIXTURE_TEST_CASE(a_failed_socket_is_opened_again_and_nothing_is_missed, Broken) {
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

BOOST_FIXTURE_TEST_CASE(after_blindness_a_new_monitor_sees_what_was_missed, Broken) {
  breakable.refuse = true;
  watched.inside.run("ip link set wg0 down");
  BOOST_TEST(watched.await([&] { return watched.blind.has_value(); }));
  breakable.forget();
  watched.inside.run("ip route add 192.0.2.0/24 via 203.0.113.1");
  // As the owner does it: again and again, until a socket can be had.
  watched.monitor.reset();
  BOOST_TEST(!Monitor::start(watched.io, breakable.opener(), {}).has_value());
  breakable.refuse = false;
  watched.start(breakable.opener());
  BOOST_TEST(!watched.monitor->snapshot().find_link("wg0")->is_up());
  BOOST_TEST(watched.has_route("192.0.2.0/24", 254));
  watched.inside.run("ip route delete 192.0.2.0/24");
  // Not its cause: the carrier that wg1 lost meanwhile may be told with it.
  BOOST_TEST(watched.await([&] { return !watched.has_route("192.0.2.0/24", 254); }));
  BOOST_TEST(watched.await_truth());
}

BOOST_FIXTURE_TEST_CASE(a_socket_that_fails_again_before_everything_was_read_makes_the_monitor_blind, Broken) {
  watched.on_change = [&] {
    breakable.forget();
    breakable.break_it();
  };
  watched.inside.run("ip link set wg0 down");
  BOOST_TEST(watched.await([&] { return watched.blind.has_value(); }));
  breakable.forget();
  BOOST_TEST_REQUIRE(watched.changes.size() == 1U);
  BOOST_TEST(watched.changes[0].cause == "the connection to the kernel failed and was opened again");
}

BOOST_FIXTURE_TEST_CASE(a_failed_socket_that_cannot_be_opened_again_makes_the_monitor_blind, Broken) {
  breakable.refuse = true;
  watched.inside.run("ip link set wg0 down");
  BOOST_TEST(watched.await([&] { return watched.blind.has_value(); }));
  breakable.forget();
  BOOST_TEST((watched.blind == Error{Error::Kind::not_permitted, "no second socket"}));
  BOOST_TEST(watched.changes.empty());
}

BOOST_AUTO_TEST_SUITE_END()
