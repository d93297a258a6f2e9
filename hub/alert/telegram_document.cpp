#include "hub/alert/telegram_document.hpp"

#include <fmt/format.h>

#include <string>

namespace vpn_sentinel {
namespace {

/// A line that is in no part.
std::string boundary_for(std::string_view caption, const ReportPage& page) {
  for (int number = 0;; ++number) {
    auto boundary = fmt::format("vpn-sentinel-part-{}", number);
    if (caption.find(boundary) == std::string_view::npos && page.html.find(boundary) == std::string::npos) return boundary;
  }
}

}  // namespace

TelegramForm telegram_document(const TelegramPlace& place, std::string_view caption, const ReportPage& page) {
  const auto boundary = boundary_for(caption, page);
  TelegramForm form{"multipart/form-data; boundary=" + boundary, {}};
  const auto field = [&](std::string_view name, std::string_view value) {
    form.body += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", boundary, name, value);
  };
  field("chat_id", place.chat_id);
  if (place.thread) field("message_thread_id", std::to_string(*place.thread));
  if (place.quiet) field("disable_notification", "true");
  field("caption", caption);
  field("parse_mode", "HTML");
  form.body += fmt::format(
      "--{0}\r\nContent-Disposition: form-data; name=\"document\"; filename=\"{1}\"\r\nContent-Type: text/html; "
      "charset=utf-8\r\n\r\n{2}\r\n"
      "--{0}--\r\n",
      boundary, page.name, page.html);
  return form;
}

}  // namespace vpn_sentinel
