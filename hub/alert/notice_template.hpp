/// A user's own words for messages: text with placeholders such as {{title}}. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/notice.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

class NoticeTemplate {
 public:
  static constexpr std::size_t most_bytes = 16 * 1024;

  /// invalid: too long, a placeholder that is not known (the message names it and lists all), or one that does not end.
  [[nodiscard]] static Result<NoticeTemplate> parse(std::string_view text);

  /// `escape` is applied to what stands for placeholders, not to the text around them. `id`, `channel`: see the placeholders.
  [[nodiscard]] std::string render(const Notice& notice, std::string_view id, std::string_view channel,
                                   const std::function<std::string(std::string_view)>& escape) const;
  friend bool operator==(const NoticeTemplate&, const NoticeTemplate&) = default;

 private:
  struct Piece {
    bool is_name = false;
    std::string text;  ///< literal text, or the name of a placeholder
    friend bool operator==(const Piece&, const Piece&) = default;
  };
  std::vector<Piece> pieces_;
};

/// What stands between the quotes of a JSON string.
[[nodiscard]] std::string escape_json(std::string_view text);

}  // namespace vpn_sentinel
