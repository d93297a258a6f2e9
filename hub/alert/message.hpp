/// Notices as Telegram's HTML (parse_mode): everything from outside is escaped. Pure.
#pragma once

#include <string>
#include <string_view>

#include "hub/alert/notice.hpp"

namespace vpn_sentinel {

/// At most 3,800 bytes, tags included: lines that do not fit are left out as a whole. Telegram's limit is 4096 UTF-16 units without tags.
[[nodiscard]] std::string telegram_html(const Notice& notice);
[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace vpn_sentinel
