#include "hub/log/secret_mask.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "netns/base/letters.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t shortest_secret = 4;
/// Secrets that the hub and its partners make have this much or more, of small and large letters and digits.
constexpr std::size_t opaque_length = 32;

constexpr std::array<std::string_view, 10> secret_names{"token",         "key",  "password", "passwd", "secret",
                                                        "authorization", "csrf", "cookie",   "bearer", "basic"};
constexpr std::array<std::string_view, 4> secret_beginnings{"vst_", "vsr_", "vs_", "eyJ"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/// Of one word: a token may hold these, an address or a path is cut at others.
bool is_of_word(char c) { return is_digit(c) || is_lower(c) || is_upper(c) || c == '_' || c == '-' || c == '.' || c == '~' || c == '+'; }

/// "token", "api_key", "X-API-Key", in any case of letters.
bool names_secret(std::string_view name) {
  std::string small(name);
  std::ranges::transform(small, small.begin(), lower);
  return std::ranges::any_of(secret_names, [&](std::string_view each) {
    if (!small.ends_with(each)) return false;
    if (small.size() == each.size()) return true;
    const char before = small[small.size() - each.size() - 1];
    return before == '_' || before == '-' || before == '.';
  });
}

bool looks_secret(std::string_view word) {
  if (std::ranges::any_of(secret_beginnings, [&](auto each) { return word.starts_with(each) && word.size() >= each.size() + 8; }))
    return true;
  return word.size() >= opaque_length && std::ranges::any_of(word, is_digit) && std::ranges::any_of(word, is_lower) &&
         std::ranges::any_of(word, is_upper);
}

/// From a secret's name to the secret: "token=…", "key: …", "\"password\":\"…", "Bearer …". A sentence about keys is none.
bool leads_on(std::string_view name, std::string_view between) {
  if (between.empty() || between.size() > 4 || between.find_first_not_of(" =:\"'") != std::string_view::npos) return false;
  return between.find_first_of("=:") != std::string_view::npos || name == "Bearer" || name == "Basic";
}

std::string without_words(std::string_view text) {
  std::string shown;
  std::string_view word_before;
  std::size_t end_before = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_of_word(text[at])) {
      shown += text[at++];
      continue;
    }
    const auto* const end = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_of_word);
    const auto length = static_cast<std::size_t>(end - text.begin()) - at;
    const auto word = text.substr(at, length);
    const auto between = text.substr(end_before, at - end_before);
    const bool of_user = at + length < text.size() && text[at + length] == '@' && between == ":";
    const bool led = names_secret(word_before) && leads_on(word_before, between) && !names_secret(word);
    shown += of_user || led || looks_secret(word) ? masked_text : word;
    word_before = word;
    at += length;
    end_before = at;
  }
  return shown;
}

}  // namespace

SecretMask::SecretMask(std::vector<std::string> known) : known_(std::move(known)) {
  std::erase_if(known_, [](const auto& each) { return each.size() < shortest_secret; });
  std::ranges::sort(known_, std::ranges::greater(), &std::string::size);
}

std::string SecretMask::masked(std::string_view key, std::string_view value) const {
  if (names_secret(key)) return std::string(masked_text);
  std::string text(value);
  for (const auto& secret : known_) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + masked_text.size())) {
      text.replace(at, secret.size(), masked_text);
    }
  }
  return without_words(text);
}

}  // namespace vpn_sentinel
