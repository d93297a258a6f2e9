#include "hub/log/log_ring.hpp"

#include <algorithm>

#include "netns/base/letters.hpp"

namespace vpn_sentinel {
namespace {

/// `small` has no large letters.
bool contains(std::string_view text, std::string_view small) {
  const auto same = [](char one, char other) { return lower(one) == other; };
  return std::search(text.begin(), text.end(), small.begin(), small.end(), same) != text.end();
}

std::size_t size_of(const LogLine& line) {
  std::size_t size = sizeof(LogLine) + line.event.size();
  for (const auto& [key, value] : line.fields) size += sizeof(line.fields.front()) + key.size() + value.size();
  return size;
}

/// No half of a character of UTF-8 is left at the end.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80U) --most;
  return text.substr(0, most);
}

bool matches(const LogLine& line, std::string_view small) {
  if (small.empty() || contains(line.event, small)) return true;
  return std::ranges::any_of(line.fields, [&](const auto& field) { return contains(field.first, small) || contains(field.second, small); });
}

}  // namespace

void LogRing::hide(SecretMask mask) {
  const std::lock_guard lock(mutex_);
  mask_ = std::move(mask);
}

void LogRing::add(WallTime at, LogLevel level, std::string_view event, std::span<const LogField> fields) {
  const std::lock_guard lock(mutex_);
  LogLine line{++last_id_, at, level, std::string(event), {}};
  for (const auto& field : fields.first(std::min(fields.size(), most_fields))) {
    // Hidden first: half a secret would not be known for one.
    const auto value = mask_.masked(field.key, field.value);
    line.fields.emplace_back(field.key, cut(value, longest_value));
  }
  bytes_ += size_of(line);
  lines_.push_back(std::move(line));
  make_room();
}

void LogRing::make_room() {
  while (lines_.size() > most_lines || bytes_ > most_bytes) {
    bytes_ -= size_of(lines_.front());
    lines_.pop_front();
  }
}

LogRing::Page LogRing::find(const LogQuery& query) const {
  std::string small(query.text);
  std::ranges::transform(small, small.begin(), lower);
  const std::lock_guard lock(mutex_);
  Page page;
  page.lost = last_id_ - lines_.size();
  for (auto line = lines_.rbegin(); line != lines_.rend() && line->id > query.after; ++line) {
    if (query.before != 0 && line->id >= query.before) continue;
    if (line->level < query.least || !matches(*line, small)) continue;
    page.more = page.lines.size() == query.most;
    if (page.more) break;
    page.lines.push_back(*line);
  }
  return page;
}

}  // namespace vpn_sentinel
