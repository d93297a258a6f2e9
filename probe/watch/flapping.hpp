/// Keeps what people are told steady while a target flaps: findings that come and go many times a second stay told until they have been
/// away for a while. New ones are never held back. Pure: fed with times.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "netns/base/clock.hpp"
#include "probe/verdict/judge.hpp"

namespace vpn_sentinel {

class Flapping {
 public:
  /// A finding that comes so often within this time flaps. One restart of a VPN brings each finding once or twice, two restarts in a row
  /// are no flapping.
  static constexpr std::size_t comings = 4;
  static constexpr std::chrono::seconds within{10};
  /// While anything flaps, what was found stays until it has been away for so long.
  static constexpr std::chrono::seconds calm{5};

  /// `verdict` with what is held, and with the finding "flapping" (information) while anything flaps or is held. Never less severe than
  /// `verdict`. To be called with every judgement, in the order of time.
  [[nodiscard]] Verdict steady(const Verdict& verdict, MonoTime now);
  /// When steady() may become better without a new judgement; absent: nothing is held.
  [[nodiscard]] std::optional<MonoTime> again_at() const;

 private:
  struct Track {
    Finding finding;                       ///< as it was last seen
    std::array<MonoTime, comings> came{};  ///< the oldest first
    std::size_t count = 0;                 ///< of `came` that are set
    bool present = false;
    bool held = false;
    MonoTime left{};  ///< when it was first missed, if not present
  };
  using Key = std::pair<std::string, Severity>;

  void follow(const Verdict& verdict, MonoTime now);
  /// The codes of what flaps or is held.
  [[nodiscard]] nlohmann::json flapping_codes(MonoTime now) const;
  void hold(bool any_flaps, MonoTime now);
  [[nodiscard]] WallTime newest_coming(MonoTime now) const;
  [[nodiscard]] static bool flaps(const Track& track, MonoTime now);

  std::map<Key, Track> tracks_;  ///< bounded by the finding table: those that were seen in the last moments
  std::optional<WallTime> since_;
};

}  // namespace vpn_sentinel
