/// One queue of one client: its changes, or its keepalive. A value with the state of the try under way; the sender moves it.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
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
    // Thousands that were all told "in 5 s" must not come in the same millisecond.
    const std::chrono::milliseconds spread{static_cast<std::chrono::milliseconds::rep>(500 * random_unit())};
    return demanded_wait ? *demanded + spread : own;
  }

  boost::asio::steady_timer timer;
  Backoff backoff{std::chrono::milliseconds{500}, std::chrono::seconds{30}};
  bool is_change;
  State state = State::idle;
  bool demanded_wait = false;  ///< waiting because the hub said so: only kick() shortens it
  bool prompted = false;       ///< the try under way came before its time: it must not make the pauses longer
  bool patient = false;        ///< no path was quick enough the last time: each gets its full time now
  MonoTime planned{};          ///< when the next try is due
  bool kicked = false;         ///< the network changed during the try: if it fails, try again at once
  Report report;               ///< in flight
  std::vector<DeliveryPath> tried;
  Error failure;  ///< of this try: the reason of each path
};

}  // namespace vpn_sentinel
