/// Turns a trouble that is looked at again and again into news: each reason once, and the end. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>

namespace vpn_sentinel {

class TroubleTeller {
 public:
  struct News {
    std::string reason;  ///< empty: the trouble is over
    friend bool operator==(const News&, const News&) = default;
  };

  /// `trouble`: as it is now. Absent when there is nothing new to be told.
  [[nodiscard]] std::optional<News> look(const std::optional<std::string>& trouble) {
    if (!trouble) {
      if (told_.empty()) return std::nullopt;
      told_.clear();
      return News{};
    }
    // A disk may fail in two ways by turns.
    if (told_.size() >= most_reasons || !told_.insert(*trouble).second) return std::nullopt;
    return News{*trouble};
  }

 private:
  static constexpr std::size_t most_reasons = 8;
  std::set<std::string> told_;
};

}  // namespace vpn_sentinel
