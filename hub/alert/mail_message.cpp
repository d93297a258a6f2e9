#include "hub/alert/mail_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "hub/accounts/secrets.hpp"
#include "hub/alert/message.hpp"
#include "hub/alert/notice_words.hpp"

namespace vpn_sentinel {
namespace {

using Line = Notice::Line;

constexpr std::size_t most_subject = 160;
/// "=?UTF-8?B?" and "?=" around 60 characters of base64.
constexpr std::size_t most_word_bytes = 45;

constexpr std::string_view begin_html = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light">
<title>{}</title></head>
<body style="margin:0;padding:16px;background:#f3f4f6;color:#1f2429;font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif">
<div style="max-width:600px;margin:0 auto;background:#fff;border-radius:8px;border-top:6px solid #{:06x};padding:20px 24px">
<h1 style="margin:0 0 4px;font-size:19px;line-height:1.35">{}</h1>
)";
constexpr std::string_view end_html = "</div></body></html>\n";
constexpr std::string_view mono = "font-family:ui-monospace,Menlo,Consolas,monospace";

std::string html_value(const Line& line) {
  const auto value = escape_html(line.value);
  if (line.look == Line::Look::literal) return fmt::format("<span style=\"{}\">{}</span>{}", mono, value, escape_html(line.after));
  if (line.look == Line::Look::strong) return fmt::format("<strong>{}</strong>{}", value, escape_html(line.after));
  return value + escape_html(line.after);
}

void add_reasons(std::string& html, const Notice& notice) {
  for (const auto& reason : notice.reasons) {
    html += fmt::format(
        "<div style=\"margin:14px 0;padding:10px 14px;background:#f6f7f9;border-radius:6px;overflow-wrap:anywhere\"><strong>{}</strong>",
        escape_html(reason.text));
    if (!reason.advice.empty()) html += fmt::format("<br>👉 What to do: {}", escape_html(reason.advice));
    if (!reason.evidence.empty())
      html += fmt::format("<div style=\"margin-top:6px;font-size:13px;color:#555d66;overflow-wrap:anywhere;{}\">", mono);
    for (const auto& line : reason.evidence) {
      html += fmt::format("{}{}{}<br>", escape_html(line.label), line.label.empty() ? "" : " = ", escape_html(line.value));
    }
    html += reason.evidence.empty() ? "</div>\n" : "</div></div>\n";
  }
  if (notice.more_reasons > 0) html += fmt::format("<p>and {} more</p>\n", notice.more_reasons);
}

/// Rows with a label are a table; sentences and lists go over its whole width.
void add_facts(std::string& html, const Notice& notice) {
  if (notice.facts.empty()) return;
  html += "<table style=\"width:100%;border-collapse:collapse;margin-top:12px\">\n";
  std::optional<Line::Part> part;
  for (const auto& line : notice.facts) {
    const auto* const rule = part && part != line.part ? "border-top:1px solid #e3e6ea;padding:8px 0 2px" : "padding:2px 0";
    part = line.part;
    if (line.label.empty() || line.label == "•") {
      html += fmt::format("<tr><td colspan=\"2\" style=\"{}\">{}{}</td></tr>\n", rule, line.label.empty() ? "" : "• ", html_value(line));
      continue;
    }
    html += fmt::format(
        "<tr><td style=\"{0};color:#555d66;white-space:nowrap;vertical-align:top\">{1}</td>"
        "<td style=\"{0};padding-left:14px;overflow-wrap:anywhere\">{2}</td></tr>\n",
        rule, escape_html(line.label), html_value(line));
  }
  html += "</table>\n";
}

void add_clients(std::string& html, const Notice& notice) {
  if (notice.clients.empty()) return;
  html += "<ul>\n";
  for (const auto& client : notice.clients) html += fmt::format("<li style=\"{}\">{}</li>\n", mono, escape_html(client));
  if (notice.more_clients > 0) html += fmt::format("<li>and {} more</li>\n", notice.more_clients);
  html += "</ul>\n";
}

std::string address_of(std::string_view text) {
  const auto begin = text.rfind('<');
  if (begin == std::string_view::npos || !text.ends_with('>')) return std::string(text);
  return std::string(text.substr(begin + 1, text.size() - begin - 2));
}

/// "Sentinel <alerts@example.org>": the name may have any letters.
std::string mailbox_of(std::string_view text) {
  auto address = address_of(text);
  auto name = text.substr(0, text.rfind('<'));
  if (name == text) return address;
  while (name.ends_with(' ')) name.remove_suffix(1);
  return name.empty() ? fmt::format("<{}>", address) : fmt::format("{} <{}>", encoded_words(name), address);
}

std::string host_of_address(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? "localhost" : std::string(address.substr(at + 1));
}

}  // namespace

std::string encoded_words(std::string_view text) {
  std::string value;
  while (!text.empty()) {
    auto end = std::min(text.size(), most_word_bytes);
    while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
    if (end == 0) end = std::min(text.size(), most_word_bytes);  // no UTF-8
    value += fmt::format("{}=?UTF-8?B?{}?=", value.empty() ? "" : " ", to_base64(text.substr(0, end)));
    text.remove_prefix(end);
  }
  return value;
}

std::string mail_date(WallTime time) {
  using namespace std::chrono;
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<std::chrono::days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<seconds>(time - day)};
  return fmt::format("{}, {} {} {} {:02}:{:02}:{:02} +0000", days.at(weekday{day}.c_encoding()), static_cast<unsigned>(date.day()),
                     months.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

std::string mail_html(const Notice& notice) {
  const auto title = escape_html(notice.title);
  auto html = fmt::format(fmt::runtime(begin_html), title, colour_of(notice), title);
  if (!notice.client_id.empty()) {
    html += fmt::format("<p style=\"margin:0 0 12px;color:#555d66\">Client <strong style=\"{}\">{}</strong></p>\n", mono,
                        escape_html(notice.client_id));
  }
  if (!notice.text.empty()) html += fmt::format("<p style=\"white-space:pre-line\">{}</p>\n", escape_html(notice.text));
  add_clients(html, notice);
  add_reasons(html, notice);
  add_facts(html, notice);
  html += end_html;
  return html;
}

MailRequest mail_request(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime now) {
  MailRequest request;
  request.url = channel.url;
  request.require_starttls = channel.tls == ChannelConfig::Tls::starttls;
  request.user = channel.user;
  request.password = channel.secret;
  request.from = address_of(channel.from);
  std::string to;
  for (const auto& recipient : channel.recipients) {
    request.recipients.push_back(address_of(recipient));
    to += fmt::format("{}{}", to.empty() ? "" : ", ", mailbox_of(recipient));
  }
  request.headers = {{"From", mailbox_of(channel.from)},
                     {"To", std::move(to)},
                     {"Subject", encoded_words(shortened(title_with_client(notice), most_subject))},
                     {"Date", mail_date(now)},
                     {"Message-ID", fmt::format("<{}@{}>", id, host_of_address(request.from))},
                     {"Auto-Submitted", "auto-generated"}};
  if (priority_of(notice) == 5 && !channel.quiet) request.headers.emplace_back("X-Priority", "1");
  request.ca_file = channel.ca_file;
  request.timeout = channel.timeout;
  if (channel.text_template) {
    request.text = channel.text_template->render(notice, id, channel.name, [](std::string_view text) { return std::string(text); });
    return request;
  }
  request.text = fmt::format("{}\n\n{}\n", notice.title, plain_body(notice, 20'000));
  request.html = mail_html(notice);
  return request;
}

}  // namespace vpn_sentinel
