/// Asks a small DNS question through the tunnel every second: silent death of a VPN server sends no kernel event. Any well-formed answer,
/// REFUSED too, is a sign of life.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "netns/clients/dns_client.hpp"
#include "probe/checks/liveness_streak.hpp"

namespace vpn_sentinel {

struct LivenessOptions {
  SocketOpener open_socket;
  std::string device;  ///< the question is bound to it (SO_BINDTODEVICE)
  Endpoint server;
  std::chrono::milliseconds interval{1000};
  int failures = 3;
  /// Packets received by the tunnel so far; nullopt when it cannot be read.
  std::function<std::optional<std::uint64_t>()> received_packets;
};

class Liveness {
 public:
  /// After each answer or time-out; `round_trip` only with an answer.
  using Handler = std::function<void(const LivenessStreak&, std::optional<std::chrono::microseconds> round_trip)>;

  /// `dns` outlives it.
  Liveness(boost::asio::io_context& io, DnsClient& dns) : timer_(io), dns_(dns) {}
  Liveness(const Liveness&) = delete;
  Liveness& operator=(const Liveness&) = delete;
  ~Liveness() { stop(); }

  /// Asks at once, then every interval. What ran before is forgotten.
  void start(LivenessOptions options, Handler handler);
  void stop();

 private:
  struct Run;
  void ask(const std::shared_ptr<Run>& run);
  void on_answer(const std::shared_ptr<Run>& run, const Result<DnsAnswer>& answer, MonoTime asked, std::optional<std::uint64_t> received);

  boost::asio::steady_timer timer_;
  DnsClient& dns_;
  std::shared_ptr<Run> run_;  ///< null while stopped; answers of an older run are recognised by it
};

}  // namespace vpn_sentinel
