/// A file with a few words, as sendDocument of the Bot API takes it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "hub/alert/monthly_report.hpp"
#include "hub/alert/telegram_reply.hpp"

namespace vpn_sentinel {

struct TelegramForm {
  std::string content_type;  ///< with the boundary
  std::string body;          ///< multipart/form-data (RFC 7578)
};

/// `caption`: HTML, of which Telegram takes 1,024 characters.
[[nodiscard]] TelegramForm telegram_document(const TelegramPlace& place, std::string_view caption, const ReportPage& page);

}  // namespace vpn_sentinel
