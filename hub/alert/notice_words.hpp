/// A notice as plain text, how loud it is, and what of it is private. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "hub/alert/notice.hpp"

namespace vpn_sentinel {

inline constexpr std::size_t most_plain_body = 3'500;

/// The title and who it is about, where nothing else is seen at first: "🔴 DANGER: … (office)".
[[nodiscard]] std::string title_with_client(const Notice& notice);

/// All but the title, one thing per line. At most `most` bytes: lines that do not fit are left out as a whole.
[[nodiscard]] std::string plain_body(const Notice& notice, std::size_t most);

/// Without addresses, places and providers: lines that are private are left out, and whatever looks like an IP address in the rest
/// becomes "[address]". The client's own name stays.
[[nodiscard]] Notice without_private(Notice notice);
/// Each IPv4 or IPv6 address in `text` as "[address]".
[[nodiscard]] std::string without_addresses(std::string_view text);

/// 1 (least) to 5 (wakes people), as ntfy and mail count.
[[nodiscard]] int priority_of(const Notice& notice);
/// 0xRRGGBB, by the state.
[[nodiscard]] std::uint32_t colour_of(const Notice& notice);

/// The same message at every attempt and after every restart: "17-5f3a…" from the store's id and the time it was made.
[[nodiscard]] std::string message_id(std::int64_t stored_id, WallTime created);

}  // namespace vpn_sentinel
