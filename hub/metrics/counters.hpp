/// What the hub counts. Every number is an atomic of its own: counting never waits, and a reader may see one number newer than another.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace vpn_sentinel {

class Counter {
 public:
  void add(std::uint64_t more = 1) noexcept { number_.fetch_add(more, std::memory_order_relaxed); }
  void take_back() noexcept { number_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return number_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> number_{0};
};

/// How long things took, in fixed steps.
class DurationHistogram {
 public:
  /// Upper bounds; above the last there is one more step without an end.
  static constexpr std::array<std::chrono::microseconds, 14> bounds{
      std::chrono::microseconds{500},       std::chrono::microseconds{1'000},     std::chrono::microseconds{2'500},
      std::chrono::microseconds{5'000},     std::chrono::microseconds{10'000},    std::chrono::microseconds{25'000},
      std::chrono::microseconds{50'000},    std::chrono::microseconds{100'000},   std::chrono::microseconds{250'000},
      std::chrono::microseconds{500'000},   std::chrono::microseconds{1'000'000}, std::chrono::microseconds{2'500'000},
      std::chrono::microseconds{5'000'000}, std::chrono::microseconds{10'000'000}};

  void add(std::chrono::microseconds duration) noexcept {
    std::size_t step = 0;
    while (step < bounds.size() && duration > bounds[step]) ++step;
    steps_[step].add();
    sum_.add(static_cast<std::uint64_t>(duration.count() > 0 ? duration.count() : 0));
  }
  /// How many fell into one step; the last is bounds.size().
  [[nodiscard]] std::uint64_t count(std::size_t step) const { return steps_.at(step).get(); }
  [[nodiscard]] std::chrono::microseconds sum() const { return std::chrono::microseconds{sum_.get()}; }

 private:
  std::array<Counter, bounds.size() + 1> steps_;
  Counter sum_;
};

/// Requests are told apart by what they ask for, never by the whole path: strangers must not be able to make new time series.
enum class RouteClass : std::uint8_t {
  keepalive,
  events,
  status,
  clients,
  history,
  samples,
  reports,
  incidents,
  groups,
  live,
  connections,
  openapi,
  health,
  metrics,
  page,
  other
};
inline constexpr std::size_t route_classes = 16;

class RequestCounters {
 public:
  static constexpr int first_status = 100;
  static constexpr int last_status = 599;

  /// A status out of the range is left out.
  void add(RouteClass route, int status) noexcept {
    if (status < first_status || status > last_status) return;
    numbers_[static_cast<std::size_t>(route)][static_cast<std::size_t>(status - first_status)].add();
  }
  [[nodiscard]] std::uint64_t get(RouteClass route, int status) const {
    return numbers_.at(static_cast<std::size_t>(route)).at(static_cast<std::size_t>(status - first_status)).get();
  }

 private:
  std::array<std::array<Counter, last_status - first_status + 1>, route_classes> numbers_;
};

/// Batches of flows by what became of them, and the rows of those that were taken.
struct FlowCounters {
  Counter taken;
  Counter duplicate;
  Counter not_taken;
  Counter rows;
};

struct HubCounters {
  Counter stored;
  Counter duplicate;
  Counter rejected;                ///< refused by what they say or by who sent them
  Counter not_stored;              ///< the store could not write
  Counter without_room;            ///< of new clients when there are too many
  Counter turned_away;             ///< too many were waiting
  Counter waiting;                 ///< handed to the engine and not answered yet
  DurationHistogram acknowledged;  ///< from the end of admission until the report was durable (stored or duplicate)
  RequestCounters requests;
  FlowCounters flows;
};

}  // namespace vpn_sentinel
