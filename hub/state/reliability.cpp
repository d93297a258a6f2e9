#include "hub/state/reliability.hpp"

#include <algorithm>

namespace vpn_sentinel {
namespace {

using Time = TimeParts::Time;

constexpr Time nothing{0};
/// The worst first: where more is told than there is time for, the better one gives way.
constexpr std::array worst_first{State::danger, State::contained, State::warning, State::secure};

std::size_t place(State state) { return static_cast<std::size_t>(state); }

/// How much of `stretches`, which are in the order of time, lies in `within`.
Time overlap(const std::vector<Stretch>& stretches, const Stretch& within) {
  Time sum = nothing;
  auto each = std::ranges::upper_bound(stretches, within.from, {}, &Stretch::to);
  for (; each != stretches.end() && each->from < within.to; ++each) sum += common(*each, within).length();
  return sum;
}

/// What is not judged: silence as far as it was heard, the rest nobody knows.
void add_rest(TimeParts& parts, const Stretch& within, Time rest, const std::vector<Stretch>& silent) {
  const auto offline = std::min(rest, overlap(silent, within));
  parts.offline += offline;
  parts.unknown += rest - offline;
}

bool is_even(const KnownTime& known) {
  return std::ranges::any_of(known.judged, [&](Time time) { return time >= known.stretch.length(); }) ||
         std::ranges::all_of(known.judged, [](Time time) { return time <= nothing; });
}

void add_known(Parted& parted, const KnownTime& known, const Stretch& within, const std::vector<Stretch>& silent) {
  const auto length = within.length();
  const auto outside = known.stretch.length() - length;
  auto rest = length;
  for (const auto state : worst_first) {
    auto time = std::clamp(known.judged.at(place(state)), nothing, known.stretch.length());
    if (state == State::secure) time = std::max(time - outside, nothing);
    time = std::min(time, rest);
    parted.parts.judged.at(place(state)) += time;
    rest -= time;
  }
  if (outside > nothing && !is_even(known)) parted.approximate = true;
  add_rest(parted.parts, within, rest, silent);
}

std::optional<double> share(Time part, const TimeParts& parts) {
  const auto whole = parts.total() - parts.absent;
  if (whole <= nothing) return std::nullopt;
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

double in_seconds(Time time) { return static_cast<double>(time.count()) / 1e6; }

nlohmann::json or_null(std::optional<double> number) { return number ? nlohmann::json(*number) : nlohmann::json(nullptr); }

nlohmann::json to_json(const IncidentNumbers& numbers) {
  nlohmann::json json{{"count", numbers.count},     {"began", numbers.began}, {"recovered", numbers.recovered}, {"open", numbers.open},
                      {"mean_recovery_s", nullptr}, {"longest_s", nullptr},   {"longest_id", nullptr}};
  if (numbers.recovered > 0) json["mean_recovery_s"] = in_seconds(numbers.recovery_sum) / static_cast<double>(numbers.recovered);
  if (numbers.longest_id == 0) return json;
  json["longest_s"] = in_seconds(numbers.longest);
  json["longest_id"] = numbers.longest_id;
  return json;
}

}  // namespace

Time TimeParts::reported() const {
  Time sum = nothing;
  for (const auto time : judged) sum += time;
  return sum;
}

void add(TimeParts& parts, const TimeParts& other) {
  for (std::size_t state = 0; state < parts.judged.size(); ++state) parts.judged.at(state) += other.judged.at(state);
  parts.offline += other.offline;
  parts.unknown += other.unknown;
  parts.absent += other.absent;
}

Parted part(const Stretch& within, const std::vector<KnownTime>& known, const std::vector<Stretch>& silent,
            std::optional<WallTime> first_heard) {
  Parted parted;
  const auto begin = std::clamp(first_heard.value_or(within.to), within.from, std::max(within.from, within.to));
  parted.parts.absent = begin - within.from;
  auto from = begin;
  for (auto each : known) {
    if (first_heard) each.stretch.from = std::max(each.stretch.from, std::min(*first_heard, each.stretch.to));  // nothing was told before
    const auto shared = common(each.stretch, {from, within.to});
    if (shared.length() == nothing) continue;
    const Stretch gap{from, shared.from};
    add_rest(parted.parts, gap, gap.length(), silent);
    add_known(parted, each, shared, silent);
    from = shared.to;
  }
  const Stretch gap{from, within.to};
  add_rest(parted.parts, gap, gap.length(), silent);
  return parted;
}

std::vector<StateStretch> timeline(const std::vector<StateMark>& marks, WallTime until) {
  std::vector<StateStretch> stretches;
  auto from = WallTime::min();
  for (std::size_t i = 0; i < marks.size(); ++i) {
    from = std::max(from, marks[i].at);
    const auto to = i + 1 < marks.size() ? std::max(from, marks[i + 1].at) : std::max(from, until);
    if (from >= until) break;
    if (to > from) stretches.push_back({{from, std::min(to, until)}, marks[i].state});
  }
  return stretches;
}

std::vector<Stretch> silences(const std::vector<StateStretch>& timeline, const std::vector<Stretch>& present) {
  std::vector<Stretch> found;
  for (const auto& each : timeline) {
    if (each.state != State::offline) continue;
    const auto noted_since = present.empty() ? each.stretch.to : present.front().from;
    if (const auto before = common(each.stretch, {WallTime::min(), noted_since}); before.length() > nothing) found.push_back(before);
    auto there = std::ranges::upper_bound(present, each.stretch.from, {}, &Stretch::to);
    for (; there != present.end() && there->from < each.stretch.to; ++there) found.push_back(common(each.stretch, *there));
  }
  return found;
}

std::vector<KnownTime> known_of_marks(const std::vector<StateStretch>& timeline, const std::vector<Stretch>& present) {
  std::vector<KnownTime> known;
  for (const auto& each : timeline) {
    if (each.state == State::offline) continue;
    auto there = std::ranges::upper_bound(present, each.stretch.from, {}, &Stretch::to);
    for (; there != present.end() && there->from < each.stretch.to; ++there) {
      const auto shared = common(each.stretch, {there->from + settling, there->to});
      if (shared.length() == nothing) continue;
      KnownTime time{shared, {}};
      time.judged.at(place(each.state)) = shared.length();
      known.push_back(time);
    }
  }
  return known;
}

IncidentNumbers number_incidents(const std::vector<IncidentSpan>& incidents, const Stretch& within) {
  IncidentNumbers numbers;
  for (const auto& incident : incidents) {
    const bool goes_on = !incident.end || *incident.end > within.to;
    const Stretch inside{std::max(incident.start, within.from), goes_on ? within.to : *incident.end};
    if (incident.start >= within.to || (incident.end && *incident.end <= within.from)) continue;
    ++numbers.count;
    if (incident.start >= within.from) ++numbers.began;
    if (goes_on) ++numbers.open;
    if (!goes_on) {
      ++numbers.recovered;
      numbers.recovery_sum += std::max(*incident.end - incident.start, nothing);
    }
    if (numbers.longest_id != 0 && inside.length() <= numbers.longest) continue;
    numbers.longest = inside.length();
    numbers.longest_id = incident.id;
  }
  return numbers;
}

void add(IncidentNumbers& numbers, const IncidentNumbers& other) {
  numbers.count += other.count;
  numbers.began += other.began;
  numbers.recovered += other.recovered;
  numbers.open += other.open;
  numbers.recovery_sum += other.recovery_sum;
  if (other.longest_id == 0 || (numbers.longest_id != 0 && other.longest <= numbers.longest)) return;
  numbers.longest = other.longest;
  numbers.longest_id = other.longest_id;
}

std::optional<double> protected_share(const TimeParts& parts) { return share(parts.in(State::secure), parts); }
std::optional<double> reported_share(const TimeParts& parts) { return share(parts.reported(), parts); }

nlohmann::json to_json(const Reliability& reliability) {
  const auto& parts = reliability.parts;
  nlohmann::json json{{"from", to_rfc3339(reliability.period.from)},
                      {"to", to_rfc3339(reliability.period.to)},
                      {"length_s", in_seconds(reliability.period.length())},
                      {"protected_s", in_seconds(parts.in(State::secure))},
                      {"warning_s", in_seconds(parts.in(State::warning))},
                      {"contained_s", in_seconds(parts.in(State::contained))},
                      {"danger_s", in_seconds(parts.in(State::danger))},
                      {"reported_s", in_seconds(parts.reported())},
                      {"offline_s", in_seconds(parts.offline)},
                      {"unknown_s", in_seconds(parts.unknown)},
                      {"absent_s", in_seconds(parts.absent)},
                      {"protected_share", or_null(protected_share(parts))},
                      {"reported_share", or_null(reported_share(parts))},
                      {"incidents", to_json(reliability.incidents)}};
  if (reliability.approximate) json["approximate"] = true;
  return json;
}

}  // namespace vpn_sentinel
