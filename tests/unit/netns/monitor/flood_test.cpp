// 200,000 route changes as fast as another thread can make them, with the real kernel.
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>

#include "netns/netlink/netlink_socket.hpp"
#include "tests/unit/netns/support/message_builder.hpp"
#include "tests/unit/netns/support/watched.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr unsigned routes = 100'000;

/// Blackholes in 198.18.0.0/15, each a /32.
Bytes change(std::uint16_t type, unsigned number, std::uint32_t metric) {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 32;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = RTN_BLACKHOLE;
  const auto destination = bytes_of({198, 18 + number / 65536, number / 256 % 256, number % 256});
  const std::uint16_t flags = type == RTM_NEWROUTE ? NLM_F_REQUEST | NLM_F_CREATE : NLM_F_REQUEST;
  return message_of(type, Payload{header}.add(RTA_DST, destination).add(RTA_PRIORITY, metric), flags);
}

/// Makes `routes` routes, takes half of them away and makes these again with another metric: 2 * `routes` changes.
void flood(const SocketOpener& opener, std::uint32_t metric) {
  const auto socket = open_netlink(opener, 0).value();
  Bytes batch;
  const auto send = [&](const Bytes& message) {
    batch.insert(batch.end(), message.begin(), message.end());
    if (batch.size() < 8192) return;
    BOOST_REQUIRE(send_netlink(socket.fd.get(), batch).has_value());
    batch.clear();
  };
  for (unsigned i = 0; i < routes; ++i) send(change(RTM_NEWROUTE, i, metric));
  for (unsigned i = 0; i < routes; i += 2) send(change(RTM_DELROUTE, i, metric));
  for (unsigned i = 0; i < routes; i += 2) send(change(RTM_NEWROUTE, i, metric + 1));
  BOOST_REQUIRE(batch.empty() || send_netlink(socket.fd.get(), batch).has_value());
}

std::size_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

bool tells_loss(const Monitor::Change& change) { return change.cause.starts_with("messages were lost"); }

void endure(Watched& watched, std::uint32_t metric) {
  watched.changes.clear();
  const auto begin = mono_now();
  std::atomic<bool> over = false;
  std::jthread other([&] {
    flood(watched.inside.opener(), metric);
    over = true;
  });
  BOOST_REQUIRE(watched.await([&] { return over.load(); }));
  const auto end = mono_now();
  // Ten seconds are the bound. The loop has its turns between the comparisons, each of which takes a dump of its own.
  bool same = false;
  while (!same && mono_now() < end + 10s) {
    watched.io.restart();
    watched.io.run_for(50ms);
    same = equivalent(watched.monitor->snapshot(), take_snapshot(watched.inside.opener()).value());
  }
  BOOST_TEST(same);
  const auto now = mono_now();
  const auto milliseconds = [](auto time) { return std::chrono::duration_cast<std::chrono::milliseconds>(time).count(); };
  BOOST_TEST_MESSAGE("flood " << milliseconds(end - begin) << " ms, the truth " << milliseconds(now - end) << " ms later, "
                              << watched.changes.size()
                              << " calls, loss: " << (std::ranges::any_of(watched.changes, tells_loss) ? "yes" : "no"));
  // What ChangeGate promises: 64 at once and one each 5 ms.
  BOOST_TEST(watched.changes.size() <= 64 + static_cast<std::size_t>(milliseconds(now - begin)) / 5 + 2);
  BOOST_TEST(std::ranges::count(watched.monitor->snapshot().routes, RTN_BLACKHOLE, &Route::type) == routes);
}

void endure_twice(int receive_buffer) {
  Watched watched(quiet);
  watched.start(watched.inside.opener(), receive_buffer);
  endure(watched, 10);
  const auto before = resident_bytes();
  watched.inside.run("ip route flush table main");
  endure(watched, 20);
  // The same tables need the same memory; the allocator may keep some of what was freed.
  BOOST_TEST(resident_bytes() < before + (64U << 20U));
  BOOST_TEST_MESSAGE("resident " << (before >> 20U) << " MiB, after the second flood " << (resident_bytes() >> 20U) << " MiB");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(flood_of_changes)

BOOST_AUTO_TEST_CASE(the_snapshot_is_right_after_a_flood_with_the_receive_buffer_of_the_system) { endure_twice(0); }

BOOST_AUTO_TEST_CASE(the_snapshot_is_right_after_a_flood_with_the_usual_receive_buffer) { endure_twice(Monitor::usual_receive_buffer); }

BOOST_AUTO_TEST_SUITE_END()
