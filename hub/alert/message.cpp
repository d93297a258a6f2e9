#include "hub/alert/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace vpn_sentinel {
namespace {

using Kind = Notice::Kind;
using Line = Notice::Line;

constexpr std::size_t most_message_bytes = 3'800;
constexpr std::size_t most_evidence_shown = 300;
constexpr std::size_t most_headline = 300;
constexpr std::size_t most_sentences = 1'000;

class Text {
 public:
  void line(std::string text) { lines_.push_back(std::move(text)); }
  void field(std::string_view name, const std::string& value) {
    if (!value.empty()) line(fmt::format("{}: {}", name, value));
  }
  /// One blank line between two parts.
  void part() {
    if (!lines_.empty() && !lines_.back().empty()) line("");
  }

  /// Lines that do not fit are left out: a cut tag would make Telegram refuse all of it.
  [[nodiscard]] std::string finish() const {
    std::string text;
    for (const auto& next : lines_) {
      if (text.size() + next.size() + 1 > most_message_bytes) break;
      if (&next != lines_.data()) text += '\n';
      text += next;
    }
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

 private:
  std::vector<std::string> lines_;
};

/// "🔴 <b>DANGER: …</b> rest": bold from behind the sign up to `end`.
std::string bold_behind_sign(std::string_view text, std::size_t end) {
  const bool has_sign = !text.empty() && static_cast<unsigned char>(text.front()) >= 0x80U;
  const auto begin = has_sign ? std::min(text.find(' '), end) : 0;
  const auto skip = begin + (begin > 0 && begin < end ? 1 : 0);
  return fmt::format("{}<b>{}</b>{}", escape_html(text.substr(0, skip)), escape_html(text.substr(skip, end - skip)),
                     escape_html(text.substr(end)));
}

/// Of a title with a verdict behind it ("🔴 VPN Connected! DANGER: …") only the title is bold.
std::string headline_of(const Notice& notice) {
  const auto title = shortened(notice.title, most_headline);
  const bool has_verdict = notice.kind == Kind::connected || notice.kind == Kind::address_changed;
  const auto mark = has_verdict ? title.find('!') : std::string::npos;
  return bold_behind_sign(title, mark == std::string::npos ? title.size() : mark + 1);
}

std::string telegram_value(const Line& line) {
  const auto value = escape_html(line.value);
  const auto after = escape_html(line.after);
  switch (line.look) {
    case Line::Look::literal:
      return fmt::format("<code>{}</code>{}", value, after);
    case Line::Look::strong:
      return bold_behind_sign(line.value, line.value.size()) + after;
    case Line::Look::plain:
      break;
  }
  return value + after;
}

void say_why(Text& text, const Notice& notice) {
  if (notice.reasons.empty()) return;
  text.part();
  for (const auto& reason : notice.reasons) text.line("• " + escape_html(reason.text));
  if (notice.more_reasons > 0) text.line(fmt::format("• and {} more", notice.more_reasons));
  const auto& worst = notice.reasons.front();
  text.field("👉 What to do", escape_html(worst.advice));
  std::string evidence;
  for (const auto& line : worst.evidence) {
    evidence += fmt::format("{}{}{}{}", evidence.empty() ? "" : ", ", line.label, line.label.empty() ? "" : "=", line.value);
  }
  text.field("🔎 Evidence", escape_html(shortened(evidence, most_evidence_shown)));
}

void say_clients(Text& text, const Notice& notice) {
  if (notice.clients.empty()) return;
  text.part();
  for (const auto& client : notice.clients) text.line(fmt::format("• <code>{}</code>", escape_html(client)));
  if (notice.more_clients > 0) text.line(fmt::format("• and {} more", notice.more_clients));
}

void say_facts(Text& text, const Notice& notice) {
  std::optional<Line::Part> part;
  for (const auto& line : notice.facts) {
    if (part != line.part) text.part();
    part = line.part;
    const auto value = telegram_value(line);
    if (line.label.empty()) {
      text.line(value);
    } else if (line.label == "•") {
      text.line("• " + value);
    } else {
      text.field(escape_html(line.label), value);
    }
  }
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string telegram_html(const Notice& notice) {
  Text text;
  text.line(headline_of(notice));
  if (!notice.client_id.empty()) text.field("Client", fmt::format("<code>{}</code>", escape_html(notice.client_id)));
  if (!notice.text.empty()) {
    text.part();
    text.line(escape_html(shortened(notice.text, most_sentences)));
  }
  say_clients(text, notice);
  say_why(text, notice);
  say_facts(text, notice);
  return text.finish();
}

}  // namespace vpn_sentinel
