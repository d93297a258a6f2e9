/// How messages call the states. Sign and first word must tell them apart on a lock screen.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

struct StateWords {
  std::string_view sign;
  std::string_view word;
  std::string_view sentence;  ///< begins with the word
};

[[nodiscard]] constexpr StateWords words_of(State state) {
  constexpr std::array<StateWords, 5> words{{{"🟢", "SECURE", "SECURE: the VPN protects"},
                                             {"🟡", "WARNING", "WARNING: protection is weakened or could not be verified"},
                                             {"🔵", "CONTAINED", "CONTAINED: the VPN is down, nothing can leave"},
                                             {"🔴", "DANGER", "DANGER: traffic can leave outside the VPN"},
                                             {"⚪", "OFFLINE", "OFFLINE: the probe is silent, protection unknown"}}};
  return words.at(static_cast<std::size_t>(state));
}

}  // namespace vpn_sentinel
