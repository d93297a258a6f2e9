#include "netns/base/text.hpp"

#include <cstddef>

namespace vpn_sentinel {

std::string without_control_characters(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    // U+0080 to U+009F are two bytes in UTF-8; the bytes 0x80 to 0x9f by themselves are parts of other characters.
    const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0U;
    const bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    clean += byte < 0x20 || byte == 0x7f || c1 ? '?' : text[at];
    if (c1) ++at;
  }
  return clean;
}

}  // namespace vpn_sentinel
