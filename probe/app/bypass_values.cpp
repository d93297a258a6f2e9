#include "probe/app/bypass_values.hpp"

#include <charconv>

namespace vpn_sentinel {

Result<std::uint32_t> parse_number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  std::uint32_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, hexadecimal ? 16 : 10);
  if (text.empty() || error != std::errc{} || stop != end) return fail(Error::Kind::invalid, "a number from 0 to 4294967295");
  return number;
}

Result<UidRange> parse_uid_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !last || *first > *last) return fail(Error::Kind::invalid, "a user id or a range of them such as 1000 or 2000-2999");
  return UidRange{*first, *last};
}

Result<MarkMatch> parse_mark(std::string_view text) {
  const auto slash = text.find('/');
  const auto value = parse_number(text.substr(0, slash));
  const auto mask = slash == std::string_view::npos ? Result<std::uint32_t>(0xffffffff) : parse_number(text.substr(slash + 1));
  if (!value || !mask || (*value & *mask) == 0) {
    return fail(Error::Kind::invalid, "a mark other than 0, with or without a mask, such as 0x1 or 0x80000/0xff0000");
  }
  return MarkMatch{*value, *mask};
}

}  // namespace vpn_sentinel
