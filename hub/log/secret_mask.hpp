/// What must never be shown of a log line: keys, tokens, passwords. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vpn_sentinel {

/// Stands for what was taken out.
inline constexpr std::string_view masked_text = "(hidden)";

/// Takes secrets out of values by three ways, each of which is enough: by the name of the field, because the settings name them, and
/// because they look like one. What only looks like one is hidden, too: a line that says less does no harm.
class SecretMask {
 public:
  SecretMask() = default;
  /// `known`: what the settings hold. Those of fewer than 4 bytes are left out: they would hide parts of ordinary words.
  explicit SecretMask(std::vector<std::string> known);

  [[nodiscard]] std::string masked(std::string_view key, std::string_view value) const;

 private:
  std::vector<std::string> known_;  ///< the longest first: one may be a part of another
};

}  // namespace vpn_sentinel
