/// Most text from outside is plain ASCII, and then needs no closer look.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace vpn_sentinel {

/// Every byte is one of 0x20 to 0x7e. Eight at a time: each report has hundreds.
[[nodiscard]] inline bool is_printable_ascii(std::string_view text) noexcept {
  constexpr std::uint64_t each = ~std::uint64_t{0} / 255;
  constexpr auto high_bits = each * 0x80;
  const auto fits = [](std::uint64_t word) {
    const auto control = word - each * 0x20;                       // borrows from the byte above only where a byte is one
    const auto del = ((word ^ (each * 0x7f)) - each) & high_bits;  // where the byte is 0x7f
    return ((control | del | word) & high_bits) == 0;
  };
  std::uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    if (!fits(word)) return false;
  }
  word = each * 'x';
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  return fits(word);
}

}  // namespace vpn_sentinel
