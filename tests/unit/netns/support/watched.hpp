/// A namespace with a monitor, for tests that compare what the monitor holds with what the kernel has.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "netns/monitor/describe.hpp"
#include "netns/monitor/monitor.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

namespace vpn_sentinel {

inline constexpr auto* uplink_and_tunnel =
    "ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link add wg0 type veth peer name wg1 &&"
    "for d in eth0 eth1 wg0 wg1; do ip link set $d up addrgenmode none || exit 1; done &&"
    "ip address add 203.0.113.10/24 dev eth0 && ip address add 198.19.0.2/32 dev wg0 &&"
    "ip route add default via 203.0.113.1 && ip route add default dev wg0 table 51820 &&"
    "ip rule add not fwmark 51820 table 51820";

/// Nothing here changes by itself: a veth tells of its carrier up to a second later.
inline constexpr auto* quiet = "ip link set lo up";

/// Equal but for statistics and the order of what has none.
inline bool equivalent(Snapshot a, const Snapshot& b) {
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
         a.rules == b.rules && a.next_hop_objects == b.next_hop_objects;
}

inline void tell_difference(const Snapshot& told, const Snapshot& truth) {
  const auto missing = [](const auto& these, const auto& those, const auto& describe, std::string_view what) {
    int most = 5;
    for (const auto& value : these) {
      if (std::ranges::find(those, value) != those.end()) continue;
      BOOST_TEST_MESSAGE(what << describe(value));
      if (--most == 0) return;
    }
  };
  const auto both = [&](const auto& ours, const auto& theirs, const auto& describe) {
    missing(ours, theirs, describe, "only in the monitor: ");
    missing(theirs, ours, describe, "only in the kernel: ");
  };
  both(told.links, truth.links, [](const Link& l) { return fmt::format("{} {:#x} {} {}", l.name, l.flags, l.operstate, l.master); });
  both(told.addresses, truth.addresses, [&](const InterfaceAddress& a) { return describe_address(a, truth, ""); });
  both(told.routes, truth.routes, [&](const Route& r) { return describe_route(r, truth, fmt::format("flags {}", r.flags)); });
  both(told.rules, truth.rules, [](const Rule& r) { return describe_rule(r, ""); });
  both(told.next_hop_objects, truth.next_hop_objects, [&](const NextHopObject& o) { return describe_next_hop_object(o, truth, ""); });
}

/// A namespace with a monitor on a loop, and everything that the monitor said.
class Watched {
 public:
  explicit Watched(const std::string& prepare = uplink_and_tunnel) {
    inside.run(prepare);
    start(inside.opener());
  }

  void start(const SocketOpener& opener, int receive_buffer = Monitor::usual_receive_buffer,
             std::chrono::milliseconds reread_after = Monitor::usual_reread) {
    monitor.reset();
    auto started = Monitor::start(io, opener,
                                  {[this](const Monitor::Change& change) {
                                     changes.push_back(change);
                                     if (on_change) on_change();
                                   },
                                   [this](const Error& error) { blind = error; }},
                                  receive_buffer, reread_after);
    BOOST_REQUIRE_MESSAGE(started, (started ? "" : started.error().message));
    monitor = std::move(*started);
  }

  /// Runs the loop until `reached`; no longer than 10 s.
  template <typename Reached>
  [[nodiscard]] bool await(Reached reached) {
    const auto deadline = mono_now() + std::chrono::seconds{10};
    while (!reached() && mono_now() < deadline) {
      io.restart();
      io.run_one_for(std::chrono::milliseconds{50});
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
    const bool same = await([&] { return equivalent(monitor->snapshot(), take_snapshot(inside.opener()).value()); });
    if (!same) tell_difference(monitor->snapshot(), take_snapshot(inside.opener()).value());
    return same;
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

}  // namespace vpn_sentinel
