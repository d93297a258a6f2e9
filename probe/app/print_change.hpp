/// One line for one change, as watch prints it. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "probe/app/print.hpp"

namespace vpn_sentinel {

/// What watch tells about a change.
struct ChangeView {
  std::string client_id;
  WallTime time{};
  const Verdict& verdict;
  std::string trigger;                ///< as TargetWatch::Update
  std::string cause;                  ///< the kernel message or check that led to it
  std::chrono::microseconds took{0};  ///< from the message to the verdict
  std::string news{};                 ///< what a check found, for "check"; may be empty
  std::optional<State> shown{};       ///< the state that others are told meanwhile, for a change that is held back
};

/// Lines that are wider have their cause on a second line.
inline constexpr std::size_t widest_change = 100;

/// "10:15:30.123456  ✖ DANGER     office  default_route_outside  [link wg0 down, 312 µs]"; information findings stand in parentheses.
/// Times are UTC.
[[nodiscard]] std::string print_change(const ChangeView& change, const Style& style);
/// The same as JSON, one line: time, client_id, state, findings, cause, trigger, verdict_us, and "shown" where it is held back.
[[nodiscard]] std::string print_change_json(const ChangeView& change);

}  // namespace vpn_sentinel
