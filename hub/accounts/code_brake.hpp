/// Slows down guessing at one-time codes: after a few wrong ones each further one makes its user wait twice as long, up to an hour. Only
/// who knows the password gets here, so nobody else can make a user wait. A recovery code, which cannot be guessed, does not wait for its
/// user's wrong codes, and what only looks like one is not counted here; the limit of its address holds for both. Pure; one thread at a
/// time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class CodeBrake {
 public:
  static constexpr unsigned free_tries = 5;
  static constexpr std::chrono::seconds first_wait{30};
  static constexpr std::chrono::seconds longest_wait{3600};
  /// Without a wrong code for so long the count begins anew.
  static constexpr std::chrono::hours forgotten_after{24};

  /// How long until a code of this user is looked at again.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> wait(std::int64_t user, MonoTime now) const;
  /// A wrong code that was looked at and is worth guessing.
  void failed(std::int64_t user, MonoTime now);
  void succeeded(std::int64_t user) { users_.erase(user); }

 private:
  struct Count {
    unsigned wrong = 0;
    MonoTime last{};
    MonoTime until{};
  };
  std::map<std::int64_t, Count> users_;  ///< there are no more than most_users, and numbers of removed ones
};

/// As long as one: not the six digits of an authenticator, which alone are worth guessing.
[[nodiscard]] bool looks_like_recovery_code(std::string_view typed);

}  // namespace vpn_sentinel
