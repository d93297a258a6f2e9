#include "netns/geo/facts_text.hpp"

#include <charconv>

#include "netns/base/text.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_text = 100;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

/// Bytes of the character that begins with `lead` (RFC 3629); 0: none begins so.
std::size_t length_of(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

/// Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte.
bool is_allowed_second(unsigned char lead, unsigned char second) {
  if (lead == 0xe0) return second >= 0xa0;
  if (lead == 0xed) return second < 0xa0;
  if (lead == 0xf0) return second >= 0x90;
  return lead != 0xf4 || second < 0x90;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const auto length = length_of(lead);
    if (length == 0 || at + length > text.size()) return false;
    for (std::size_t i = 1; i < length; ++i) {
      if (!is_continuation(text[at + i])) return false;
    }
    if (length > 1 && !is_allowed_second(lead, static_cast<unsigned char>(text[at + 1]))) return false;
    at += length;
  }
  return true;
}

void fill(std::string& value, const std::string& more) {
  if (value.empty()) value = more;
}

}  // namespace

std::string facts_text(std::string_view text) {
  if (!is_utf8(text)) return {};
  if (text.size() > most_text) {
    auto end = most_text;
    while (end > 0 && is_continuation(text[end])) --end;
    text = text.substr(0, end);
  }
  return without_control_characters(text);
}

std::string country_word(std::string_view text) {
  if (text.size() != 2 || !is_letter(text[0]) || !is_letter(text[1])) return {};
  std::string word{upper(text[0]), upper(text[1])};
  // User-assigned codes that services use for "nowhere": XX, ZZ; T1 (Tor) is no pair of letters.
  return word == "XX" || word == "ZZ" ? std::string{} : word;
}

std::optional<std::uint32_t> parse_asn(std::string_view text) {
  if (text.size() > 2 && upper(text[0]) == 'A' && upper(text[1]) == 'S') text.remove_prefix(2);
  std::uint32_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number == 0) return std::nullopt;
  return number;
}

void take_as_line(AddressFacts& facts, std::string_view line) {
  const auto space = line.find(' ');
  const auto first = line.substr(0, space);
  const bool numbered = first.size() > 2 && upper(first[0]) == 'A' && upper(first[1]) == 'S';
  const auto asn = numbered ? parse_asn(first) : std::nullopt;
  if (asn && !facts.asn) facts.asn = asn;
  const auto name = asn ? (space == std::string_view::npos ? std::string_view{} : line.substr(space + 1)) : line;
  fill(facts.organisation, facts_text(name));
}

void fill_gaps(AddressFacts& facts, const AddressFacts& more) {
  fill(facts.country, more.country);
  fill(facts.city, more.city);
  fill(facts.region, more.region);
  fill(facts.timezone, more.timezone);
  fill(facts.organisation, more.organisation);
  if (!facts.asn) facts.asn = more.asn;
}

}  // namespace vpn_sentinel
