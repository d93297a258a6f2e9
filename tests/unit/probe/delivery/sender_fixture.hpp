/// A sender between an in-memory outbox and a loopback hub, with both ways out made of plain loopback sockets.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "probe/delivery/sender.hpp"
#include "tests/unit/probe/delivery/loopback_hub.hpp"
#include "tests/unit/probe/delivery/make_item.hpp"

namespace vpn_sentinel::test {

/// One of the two ways: counts its sockets and can be broken.
struct WayOut {
  bool exists = true;
  bool broken = false;    ///< no socket can be made
  bool swallows = false;  ///< connections never come about
  int sockets = 0;
  [[nodiscard]] std::optional<SocketOpener> opener();
};

struct SenderFixture {
  SenderFixture();

  /// Makes the sender; `address` and the outbox may be changed before.
  void start();
  /// Runs the loop until `condition` holds; false after 20 s.
  bool run_until(const std::function<bool()>& condition);
  /// Runs what is ready without waiting for anything.
  void run_ready();
  bool run_until_events(std::size_t count) {
    return run_until([this, count] { return events.size() >= count; });
  }
  /// Delivered, refused and failed tries: "delivered a 1 uplink", "refused a 2", "failed a".
  [[nodiscard]] std::string event(std::size_t index) const { return index < events.size() ? events[index] : "-"; }

  boost::asio::io_context io;
  LoopbackHub hub{io};
  HttpClient http{io};
  DnsClient dns{io};
  std::unique_ptr<Outbox> outbox = open_outbox("");
  HubAddress address;
  WayOut tunnel;
  WayOut uplink;
  std::string tunnel_device;
  std::vector<Endpoint> resolvers;
  int paths_asked = 0;
  std::vector<std::string> events;
  std::vector<Error> failures;                   ///< of on_failed and on_refused
  std::vector<std::chrono::milliseconds> waits;  ///< of on_failed
  std::unique_ptr<Sender> sender;
};

}  // namespace vpn_sentinel::test
