#include "hub/alert/notice_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {
namespace {

using Kind = Notice::Kind;
using Line = Notice::Line;

class Body {
 public:
  explicit Body(std::size_t most) : most_(most) {}
  void line(std::string_view text) {
    const auto needed = text_.size() + text.size() + (gap_ ? 2U : 1U);
    if (full_ || needed > most_) {
      full_ = true;
      return;
    }
    if (!text_.empty()) text_ += gap_ ? "\n\n" : "\n";
    gap_ = false;
    text_ += text;
  }
  void part() { gap_ = !text_.empty(); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::size_t most_;
  std::string text_;
  bool gap_ = false;
  bool full_ = false;
};

void say_reasons(Body& body, const Notice& notice) {
  if (notice.reasons.empty()) return;
  body.part();
  for (const auto& reason : notice.reasons) body.line("• " + reason.text);
  if (notice.more_reasons > 0) body.line(fmt::format("• and {} more", notice.more_reasons));
  const auto& worst = notice.reasons.front();
  if (!worst.advice.empty()) body.line("What to do: " + worst.advice);
  std::string evidence;
  for (const auto& line : worst.evidence) {
    evidence += fmt::format("{}{}{}{}", evidence.empty() ? "" : ", ", line.label, line.label.empty() ? "" : "=", line.value);
  }
  if (!evidence.empty()) body.line("Evidence: " + shortened(evidence, 300));
}

void say_facts(Body& body, const Notice& notice) {
  std::optional<Line::Part> part;
  for (const auto& line : notice.facts) {
    if (part != line.part) body.part();
    part = line.part;
    const std::string_view mark = line.label.empty() ? "" : line.label == "•" ? " " : ": ";
    body.line(fmt::format("{}{}{}{}", line.label, mark, line.value, line.after));
  }
}

bool is_of_address(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':'; }

/// The longest beginning of `run` that is an address: "198.51.100.2." ends a sentence, "203.0.113.7:53" has a port.
std::size_t address_length(std::string_view run) {
  for (auto end = run.size(); end >= 2; --end) {
    if (IpAddress::parse(run.substr(0, end))) return end;
  }
  return 0;
}

/// Longer than any address: no text makes it slow.
constexpr std::size_t most_run = 46;

void clean(std::string& text) { text = without_addresses(text); }

void clean(std::vector<Line>& lines) {
  std::erase_if(lines, [](const Line& line) { return line.is_private; });
  for (auto& line : lines) {
    clean(line.label);
    clean(line.value);
    clean(line.after);
  }
}

}  // namespace

std::string title_with_client(const Notice& notice) {
  return notice.client_id.empty() ? notice.title : fmt::format("{} ({})", notice.title, notice.client_id);
}

std::string plain_body(const Notice& notice, std::size_t most) {
  Body body(most);
  if (!notice.client_id.empty()) body.line("Client: " + notice.client_id);
  if (!notice.text.empty()) {
    body.part();
    body.line(shortened(notice.text, 1'000));
  }
  if (!notice.clients.empty()) body.part();
  for (const auto& client : notice.clients) body.line("• " + client);
  if (notice.more_clients > 0) body.line(fmt::format("• and {} more", notice.more_clients));
  say_reasons(body, notice);
  say_facts(body, notice);
  return body.take();
}

std::string without_addresses(std::string_view text) {
  std::string cleaned;
  char before = ' ';
  while (!text.empty()) {
    // An address begins behind something that is none: a space, "=", a bracket.
    const bool may_begin = !is_of_address(before) || before == ':' || before == '.';
    const auto run = static_cast<std::size_t>(std::ranges::find_if_not(text.substr(0, most_run), is_of_address) - text.begin());
    const auto length = may_begin ? address_length(text.substr(0, run)) : 0;
    const auto taken = length > 0 ? length : 1;
    cleaned += length > 0 ? std::string_view("[address]") : text.substr(0, 1);
    before = text[taken - 1];
    text.remove_prefix(taken);
  }
  return cleaned;
}

Notice without_private(Notice notice) {
  clean(notice.title);
  clean(notice.text);
  clean(notice.facts);
  for (auto& reason : notice.reasons) {
    clean(reason.text);
    clean(reason.advice);
    clean(reason.evidence);
  }
  return notice;
}

int priority_of(const Notice& notice) {
  switch (notice.kind) {
    case Kind::leak:
    case Kind::danger:
    case Kind::escalation:
      return 5;
    case Kind::contained:
    case Kind::warning:
    case Kind::offline:
    case Kind::hub_trouble:
    case Kind::exposure:
      return 4;
    case Kind::report:
    case Kind::hub_started:
      return 2;
    default:
      break;
  }
  if (notice.to == State::danger) return 5;
  return notice.to == State::warning || notice.to == State::contained || notice.to == State::offline ? 4 : 3;
}

std::uint32_t colour_of(const Notice& notice) {
  switch (notice.to.value_or(notice.kind == Kind::hub_trouble ? State::warning : State::offline)) {
    case State::secure:
      return 0x2e9e44;
    case State::warning:
      return 0xd9a400;
    case State::contained:
      return 0x2f6fd0;
    case State::danger:
      return 0xd0312d;
    case State::offline:
      break;
  }
  return 0x808890;
}

std::string message_id(std::int64_t stored_id, WallTime created) {
  return fmt::format("{}-{:x}", stored_id, static_cast<std::uint64_t>(created.time_since_epoch().count()));
}

}  // namespace vpn_sentinel
