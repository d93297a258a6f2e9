/// The words of alerts: a pure function of a change. HTML as Telegram's parse_mode knows it; everything from outside is escaped.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// Who, what, since when, what left and where to, address, location, provider, DNS, why and what to do; recovery with its duration and what
/// it cost. Nullopt: nothing to say.
[[nodiscard]] std::optional<std::string> telegram_text(const Change& change);
[[nodiscard]] std::string telegram_start_text(std::string_view version, WallTime now, std::size_t known_clients);
/// The hub's own trouble, told from memory: the store cannot keep it. `problem` is the store's error.
[[nodiscard]] std::string telegram_store_fails_text(std::string_view problem, WallTime since);
[[nodiscard]] std::string telegram_store_works_text(std::chrono::milliseconds lasted, WallTime now);
[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace vpn_sentinel
