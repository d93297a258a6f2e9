/// One queue of one client: its changes, or its keepalive. A value with the state of the try under way; the sender moves it.
#pragma once

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "netns/base/backoff.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/random.hpp"
#include "netns/base/result.hpp"
#include "probe/delivery/delivery_path.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {

struct Lane {
  enum class State : std::uint8_t {
    idle,       ///< nothing to send
    in_flight,  ///< one request is under way
    waiting,    ///< for the next try
  };
  Lane(boost::asio::io_context& io, bool carries_changes) : timer(io), is_change(carries_changes) {}

  /// How long to wait after a failed try. `demanded` is the hub's Retry-After: never less than that.
  [[nodiscard]] std::chrono::milliseconds pause(std::optional<std::chrono::milliseconds> demanded, MonoTime now) {
    const bool keeps_its_turn = std::exchange(prompted, false) && planned > now;
    if (!keeps_its_turn) planned = now + backoff.next(random_unit());
    const auto own = std::chrono::ceil<std::chrono::milliseconds>(planned - now);
    demanded_wait = demanded && *demanded > own;
    return demanded_wait ? *demanded + spread_of(*demanded, random_unit()) : own;
  }

  /// Thousands that were all told "in 5 s" must not come in the same second. `random` is in [0, 1).
  [[nodiscard]] static std::chrono::milliseconds spread_of(std::chrono::milliseconds demanded, double random) {
    const auto most = std::clamp(demanded, std::chrono::milliseconds{500}, std::chrono::milliseconds{30'000});
    return std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(static_cast<double>(most.count()) * random)};
  }

  boost::asio::steady_timer timer;
  Backoff backoff{std::chrono::milliseconds{500}, std::chrono::seconds{30}};
  bool is_change;
  State state = State::idle;
  bool demanded_wait = false;                       ///< waiting because the hub said so: only kick() shortens it
  bool prompted = false;                            ///< the try under way came before its time: it must not make the pauses longer
  bool patient = false;                             ///< no path was quick enough the last time: each gets its full time now
  MonoTime planned{};                               ///< when the next try is due
  bool kicked = false;                              ///< the network changed during the try: if it fails, try again at once
  std::vector<Report> reports;                      ///< in flight
  std::size_t most_reports = 256;                   ///< of the next batch: fewer while a large one does not pass
  std::deque<std::size_t> hubs;                     ///< of this try: the one that is asked and those to ask after it
  bool looks_back = false;                          ///< that one is not the one in use: it may cost little, for the lease runs
  std::vector<DeliveryPath> tried;                  ///< to that hub
  bool has_other_path = false;                      ///< beside those that were tried
  Error failure;                                    ///< of this try: the reason of each path
  bool heard = false;                               ///< in this try some hub has answered
  bool unwanted = false;                            ///< in this try some hub had no room for this client, whatever it does for others
  std::optional<std::chrono::milliseconds> demand;  ///< of this try: the longest Retry-After
};

}  // namespace vpn_sentinel
