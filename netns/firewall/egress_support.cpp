#include "netns/firewall/egress_support.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <array>
#include <charconv>
#include <cstddef>

namespace vpn_sentinel {
namespace {

using Numbers = std::array<unsigned, 3>;

/// "6.1.119-1" is 6, 1 and 119; what is missing is 0.
Numbers numbers_of(std::string_view text) {
  Numbers numbers{};
  for (auto& number : numbers) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) break;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  return numbers;
}

bool is_mended(const Numbers& numbers) {
  // Stable releases some weeks after the one that has it, so that none is taken for mended that is not.
  constexpr unsigned mended_6_1 = 80;
  constexpr unsigned mended_6_6 = 20;
  const auto& [major, minor, patch] = numbers;
  if (major != 6) return major > 6;
  if (minor == 1) return patch >= mended_6_1;
  if (minor == 6) return patch >= mended_6_6;
  return minor >= 8;
}

}  // namespace

bool reads_egress_rightly(std::string_view release, std::string_view version) {
  if (is_mended(numbers_of(release))) return true;
  constexpr std::string_view debian = "Debian ";
  const auto place = version.find(debian);
  return place != std::string_view::npos && is_mended(numbers_of(version.substr(place + debian.size())));
}

std::optional<Error> this_kernels_egress_gap() {
  utsname names{};
  if (::uname(&names) != 0 || reads_egress_rightly(names.release, names.version)) return std::nullopt;
  return Error{Error::Kind::unavailable,
               fmt::format("what leaves a device is looked at from Linux 6.8, 6.6.20 or 6.1.80 on, this is {}", names.release)};
}

}  // namespace vpn_sentinel
