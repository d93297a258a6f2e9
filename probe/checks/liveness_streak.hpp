/// Alive or stalled, from the answers and time-outs of small questions. Pure: fed with results and times.
#pragma once

#include <chrono>
#include <cstdint>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class LivenessStreak {
 public:
  enum class View { waiting, alive, stalled };

  /// `failures`: questions in a row that nobody answered before the tunnel counts as stalled.
  explicit LivenessStreak(int failures) : failures_(failures) {}

  void answered(MonoTime now) {
    view_ = View::alive;
    unanswered_ = 0;
    excused_ = 0;
    last_answer_ = now;
  }
  /// `received`: packets came in through the tunnel since the question. They are life of a kind (the asked server may be down), but
  /// cannot excuse silence for ever.
  void timed_out(bool received) {
    if (received && excused_ < most_excused && view_ == View::alive) {
      ++excused_;
      return;
    }
    if (++unanswered_ >= failures_) view_ = View::stalled;
  }

  [[nodiscard]] View view() const noexcept { return view_; }
  [[nodiscard]] MonoTime last_answer() const noexcept { return last_answer_; }

 private:
  static constexpr int most_excused = 10;
  int failures_;
  int unanswered_ = 0;
  int excused_ = 0;
  View view_ = View::waiting;
  MonoTime last_answer_ = mono_now();
};

}  // namespace vpn_sentinel
