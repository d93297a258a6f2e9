/// The envelope of one row of the outbox's file: a mark, the id, the length and a checksum before the report's text. It tells a row that
/// rotted from an intact one, which SQLite cannot, and lets intact rows be found in a file that SQLite no longer reads. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "probe/delivery/outbox_row.hpp"

namespace vpn_sentinel {

inline constexpr std::string_view seal_mark = "VSO1";
/// Of the envelope; the report follows.
inline constexpr std::size_t seal_size = 37;
/// A longer report is none: 100 findings of 4 KiB and some texts.
inline constexpr std::size_t longest_sealed_report = 4 * 1024 * 1024;

[[nodiscard]] std::string seal(std::uint64_t id, const OutboxRow& row);

/// How long envelope and report are together, if `text` begins with an envelope (it may be cut off behind that); else 0.
[[nodiscard]] std::size_t sealed_size(std::string_view text);

struct Unsealed {
  std::uint64_t id = 0;
  OutboxRow row;
};
/// nullopt: not whole, not intact or no envelope. What follows the report is not looked at.
[[nodiscard]] std::optional<Unsealed> unseal(std::string_view text);

}  // namespace vpn_sentinel
