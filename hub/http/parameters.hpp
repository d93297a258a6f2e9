/// The parameters of a query string, each checked as it is read. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hub/store/reader.hpp"

namespace vpn_sentinel {

/// After the first thing that is wrong the readers give defaults; the caller asks problem() once, at the end. What nobody knows is wrong,
/// too: a misspelt filter would otherwise answer with everything.
class Parameters {
 public:
  /// `known`: names that may occur, each at most once. Names and values are percent-decoded; '+' stays what it is, as in "+01:00".
  Parameters(std::string_view query, std::initializer_list<std::string_view> known);

  /// `limit`: 1 to largest_page.
  [[nodiscard]] std::size_t limit(std::size_t usual);
  /// `from` and `to`: RFC 3339, the first before the second.
  [[nodiscard]] TimeRange range();
  /// `cursor`: what a page before gave as its `next`.
  [[nodiscard]] std::optional<std::int64_t> cursor();
  /// A client id; nullopt: absent.
  [[nodiscard]] std::optional<std::string> client_id(std::string_view name);
  /// The name of a group, without "group:"; nullopt: absent.
  [[nodiscard]] std::optional<std::string> group(std::string_view name);
  /// The name of a channel of alerts; nullopt: absent.
  [[nodiscard]] std::optional<std::string> channel(std::string_view name);
  /// A whole number within both limits; nullopt: absent.
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view name, std::int64_t least, std::int64_t most);
  /// Any text without control characters, of at most `most` bytes; nullopt: absent.
  [[nodiscard]] std::optional<std::string> text(std::string_view name, std::size_t most);
  /// `true` or `false`; absent: false.
  [[nodiscard]] bool flag(std::string_view name);

  /// What `read` (Result<T>(std::string_view)) makes of the text; its error begins with the value in quotes and says what was expected.
  /// Nullopt: absent or wrong.
  template <typename Read>
  [[nodiscard]] auto value(std::string_view name, Read read)
      -> std::optional<typename std::invoke_result_t<Read, std::string_view>::value_type> {
    const auto* text = find(name);
    if (text == nullptr) return std::nullopt;
    auto found = read(*text);
    if (found) return std::move(*found);
    if (!problem_) problem_ = std::string(name) + " = " + found.error().message;
    return std::nullopt;
  }

  /// One word of a list.
  template <typename T>
  struct Word {
    std::string_view word;
    T value;
  };
  template <typename T>
  [[nodiscard]] std::optional<T> choice(std::string_view name, std::initializer_list<Word<T>> words) {
    const auto* text = find(name);
    if (text == nullptr) return std::nullopt;
    std::string expected;
    for (const auto& each : words) {
      if (each.word == *text) return each.value;
      expected += (expected.empty() ? "" : ", ") + std::string(each.word);
    }
    refuse(name, *text, "one of " + expected);
    return std::nullopt;
  }

  /// "limit = '0': expected a number from 1 to 1000"; nullopt: all is well.
  [[nodiscard]] const std::optional<std::string>& problem() const noexcept { return problem_; }

 private:
  void take(std::string_view pair, std::initializer_list<std::string_view> known);
  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] std::optional<WallTime> time(std::string_view name);
  void refuse(std::string_view name, std::string_view value, std::string_view expected);

  std::map<std::string, std::string, std::less<>> values_;
  std::optional<std::string> problem_;
};

/// "%2B" becomes "+". Nullopt: a '%' without two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace vpn_sentinel
