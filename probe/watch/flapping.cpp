#include "probe/watch/flapping.hpp"

#include <algorithm>

namespace vpn_sentinel {

void Flapping::follow(const Verdict& verdict, MonoTime now) {
  for (auto& [key, track] : tracks_) {
    const bool there = std::ranges::any_of(
        verdict.findings, [&key = key](const Finding& finding) { return finding.code == key.first && finding.severity == key.second; });
    if (track.present && !there) {
      track.present = false;
      track.left = now;
    }
  }
  for (const auto& finding : verdict.findings) {
    auto& track = tracks_[{finding.code, finding.severity}];
    track.finding = finding;
    if (std::exchange(track.present, true)) continue;
    track.held = false;
    if (track.count == comings) std::rotate(track.came.begin(), track.came.begin() + 1, track.came.end());
    track.count = std::min(track.count + 1, comings);
    track.came.at(track.count - 1) = now;
  }
  std::erase_if(tracks_, [now](const auto& entry) { return !entry.second.present && now - entry.second.left > within; });
}

bool Flapping::flaps(const Track& track, MonoTime now) {
  return track.count == comings && now - track.came.front() <= within && (track.present || now - track.left < calm);
}

nlohmann::json Flapping::flapping_codes(MonoTime now) const {
  auto codes = nlohmann::json::array();
  for (const auto& [key, track] : tracks_) {
    const bool known = std::ranges::find(codes, nlohmann::json(key.first)) != codes.end();
    if (!known && (flaps(track, now) || track.held)) codes.push_back(key.first);
  }
  return codes;
}

WallTime Flapping::newest_coming(MonoTime now) const {
  WallTime newest{};
  for (const auto& [key, track] : tracks_) {
    if (flaps(track, now)) newest = std::max(newest, track.finding.since);
  }
  return newest;
}

void Flapping::hold(bool any_flaps, MonoTime now) {
  for (auto& [key, track] : tracks_) {
    track.held = !track.present && now - track.left < calm && (any_flaps || track.held);
  }
}

Verdict Flapping::steady(const Verdict& verdict, MonoTime now) {
  follow(verdict, now);
  const bool any_flaps = std::ranges::any_of(tracks_, [now](const auto& entry) { return flaps(entry.second, now); });
  hold(any_flaps, now);
  const bool any_held = std::ranges::any_of(tracks_, [](const auto& entry) { return entry.second.held; });
  if (!any_flaps && !any_held) {
    since_.reset();
    return verdict;
  }
  auto result = verdict;
  for (const auto& [key, track] : tracks_) {
    if (!track.held) continue;
    const auto told = std::ranges::find(result.findings, key.first, &Finding::code);
    if (told == result.findings.end()) {
      result.findings.push_back(track.finding);
    } else {
      told->severity = std::max(told->severity, key.second);
    }
  }
  if (!since_) since_ = newest_coming(now);
  result.findings.push_back(Finding{"flapping", Severity::information, *since_, nlohmann::json{{"findings", flapping_codes(now)}}});
  // In one order, whichever of them is there at the moment and whichever is held.
  std::ranges::sort(result.findings, [](const Finding& a, const Finding& b) {
    return a.severity != b.severity ? a.severity > b.severity : a.code < b.code;
  });
  result.state = state_of(result.findings);
  return result;
}

std::optional<MonoTime> Flapping::again_at() const {
  std::optional<MonoTime> first;
  for (const auto& [key, track] : tracks_) {
    if (track.held && (!first || track.left + calm < *first)) first = track.left + calm;
  }
  return first;
}

}  // namespace vpn_sentinel
