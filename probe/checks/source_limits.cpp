#include "probe/checks/source_limits.hpp"

#include <algorithm>

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr seconds first_rest = 5min;
constexpr seconds shortest_rest = 30s;
constexpr seconds longest_rest = 24h;
/// 5 min doubled so often is more than a day.
constexpr unsigned most_doublings = 9;

}  // namespace

void SourceLimits::limited(const std::string& url, std::optional<seconds> rest, MonoTime now) {
  auto& entry = entries_[url];
  const auto own = first_rest * (1U << std::min(entry.in_a_row, most_doublings));
  ++entry.in_a_row;
  entry.until = now + std::clamp(rest.value_or(own), shortest_rest, longest_rest);
}

void SourceLimits::answered(const std::string& url, std::optional<seconds> rest, MonoTime now) {
  entries_.erase(url);
  if (rest) entries_[url].until = now + std::clamp(*rest, 0s, longest_rest);
}

void SourceLimits::shorten(MonoTime now) {
  for (auto& [url, entry] : entries_) {
    entry.until = std::min<MonoTime>(entry.until, now + shortest_rest);
    entry.in_a_row = 0;
  }
}

std::optional<seconds> SourceLimits::rests_for(const std::string& url, MonoTime now) const {
  const auto entry = entries_.find(url);
  if (entry == entries_.end() || entry->second.until <= now) return std::nullopt;
  return std::chrono::ceil<seconds>(entry->second.until - now);
}

}  // namespace vpn_sentinel
