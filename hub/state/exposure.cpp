#include "hub/state/exposure.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "probe/report/bounds.hpp"

namespace vpn_sentinel {
namespace {

/// Numbers come from outside: they never wrap around.
std::uint64_t sum(std::uint64_t left, std::uint64_t right) {
  return left > std::numeric_limits<std::uint64_t>::max() - right ? std::numeric_limits<std::uint64_t>::max() : left + right;
}

std::uint64_t growth(std::uint64_t first, std::uint64_t last) { return last > first ? last - first : 0; }

bool is_same_place(const LeakDestinationReport& left, const LeakDestinationReport& right) {
  return std::tie(left.address, left.protocol, left.port, left.uid) == std::tie(right.address, right.protocol, right.port, right.uid);
}

template <typename List, typename Place>
auto find_place(List& list, const LeakDestinationReport& destination, Place place) {
  return std::ranges::find_if(list, [&](const auto& each) { return is_same_place(std::invoke(place, each), destination); });
}

LeakDestinationReport grown(const DestinationSpan& span) {
  auto destination = span.last;
  destination.packets = growth(span.first.packets, span.last.packets);
  destination.bytes = growth(span.first.bytes, span.last.bytes);
  return destination;
}

void keep_largest(std::vector<DestinationSpan>& spans) {
  if (spans.size() <= most_leak_destinations) return;
  std::ranges::stable_sort(spans, std::greater<>(), [](const DestinationSpan& span) { return grown(span).bytes; });
  spans.resize(most_leak_destinations);
}

void keep_largest(std::vector<LeakDestinationReport>& destinations) {
  std::erase_if(destinations, [](const LeakDestinationReport& each) { return each.packets == 0; });
  std::ranges::stable_sort(destinations, std::greater<>(), &LeakDestinationReport::bytes);
  if (destinations.size() > most_leak_destinations) destinations.resize(most_leak_destinations);
}

LeakMark mark_of(std::uint64_t seq, const LeakReport& leak) { return {seq, leak.packets, leak.bytes}; }

bool is_not_less(const LeakMark& left, const LeakMark& right) { return left.packets >= right.packets && left.bytes >= right.bytes; }

/// The numbers of a destination in an earlier report of the same meter. A report names the largest only: whoever is missing in a full list
/// may have been there, and counts from now on.
LeakDestinationReport baseline_of(const LeakDestinationReport& destination, const LeakReport* before) {
  auto first = destination;
  if (before == nullptr) return first;
  const auto found = find_place(before->destinations, destination, std::identity());
  if (found != before->destinations.end()) return *found;
  if (before->destinations.size() < most_leak_destinations) first.packets = first.bytes = 0;
  return first;
}

MeterSpan begun(const LeakStep& step) {
  MeterSpan span{step.boot_id, step.now->since.value_or(WallTime{}), {}, mark_of(step.seq, *step.now), {}};
  const auto* before = step.before;
  span.first = before != nullptr ? mark_of(step.seq_before, *before) : span.last;
  if (!is_not_less(span.last, span.first)) {  // it began anew without a word: of what is before nothing is known
    span.first = span.last;
    before = nullptr;
  }
  for (const auto& destination : step.now->destinations) span.destinations.push_back({baseline_of(destination, before), destination});
  keep_largest(span.destinations);
  return span;
}

/// What the meter had counted before the step is not known.
bool lacks_past(const LeakStep& step) {
  return step.before == nullptr || !is_not_less(mark_of(step.seq, *step.now), mark_of(0, *step.before));
}

/// The numbers fell without a word: what was counted in between is lost.
bool fell(const MeterSpan& span, const LeakStep& step) {
  return step.seq > span.last.seq && !is_not_less(mark_of(step.seq, *step.now), span.last);
}

bool extend_later(MeterSpan& span, const LeakStep& step) {
  const auto mark = mark_of(step.seq, *step.now);
  if (mark.seq <= span.last.seq || !is_not_less(mark, span.last)) return false;
  const bool learnt = mark.packets != span.last.packets || mark.bytes != span.last.bytes;
  span.last = mark;
  for (const auto& destination : step.now->destinations) {
    const auto known = find_place(span.destinations, destination, &DestinationSpan::last);
    if (known == span.destinations.end()) {
      span.destinations.push_back({baseline_of(destination, step.before), destination});
    } else if (destination.packets >= known->last.packets && destination.bytes >= known->last.bytes) {
      known->last = destination;
    }
  }
  keep_largest(span.destinations);
  return learnt;
}

bool extend_earlier(MeterSpan& span, std::uint64_t seq, const LeakReport& leak) {
  const auto mark = mark_of(seq, leak);
  if (mark.seq >= span.first.seq || !is_not_less(span.first, mark)) return false;
  const bool learnt = mark.packets != span.first.packets || mark.bytes != span.first.bytes;
  span.first = mark;
  for (auto& known : span.destinations) {
    const auto first = baseline_of(known.first, &leak);
    if (first.packets <= known.first.packets && first.bytes <= known.first.bytes) known.first = first;
  }
  return learnt;
}

void add_to(std::vector<LeakDestinationReport>& destinations, const LeakDestinationReport& more) {
  const auto known = find_place(destinations, more, std::identity());
  if (known == destinations.end()) {
    destinations.push_back(more);
    return;
  }
  known->packets = sum(known->packets, more.packets);
  known->bytes = sum(known->bytes, more.bytes);
}

void add_to(LeakTotal& total, const MeterSpan& span) {
  total.packets = sum(total.packets, growth(span.first.packets, span.last.packets));
  total.bytes = sum(total.bytes, growth(span.first.bytes, span.last.bytes));
  for (const auto& destination : span.destinations) add_to(total.destinations, grown(destination));
}

void settle_oldest(LeakLedger& ledger) {
  while (ledger.meters.size() > LeakLedger::most_meters) {
    const auto oldest = std::ranges::min_element(ledger.meters, {}, &MeterSpan::since);
    add_to(ledger.settled, *oldest);
    keep_largest(ledger.settled.destinations);
    ledger.settled_until = std::max(ledger.settled_until.value_or(oldest->since), oldest->since);
    ledger.meters.erase(oldest);
  }
}

auto find_meter(LeakLedger& ledger, const std::string& boot_id, WallTime since) {
  return std::ranges::find_if(ledger.meters, [&](const MeterSpan& span) { return span.boot_id == boot_id && span.since == since; });
}

/// Of a step that the ledger cannot tell whole.
bool leaves_gap(LeakLedger& ledger, const LeakStep& step) {
  if (step.missed) return true;
  const auto known = find_meter(ledger, step.boot_id, step.now->since.value_or(WallTime{}));
  return known == ledger.meters.end() ? lacks_past(step) : fell(*known, step);
}

bool add(LeakLedger& ledger, const LeakStep& step) {
  const auto since = step.now->since.value_or(WallTime{});
  const auto known = find_meter(ledger, step.boot_id, since);
  if (known != ledger.meters.end()) {
    const bool later = extend_later(*known, step);
    const bool earlier = extend_earlier(*known, step.seq, *step.now);
    return (step.before != nullptr && extend_earlier(*known, step.seq_before, *step.before)) || later || earlier;
  }
  if (ledger.settled_until && since <= *ledger.settled_until) return false;
  ledger.meters.push_back(begun(step));
  settle_oldest(ledger);
  return true;
}

void join(MeterSpan& span, const MeterSpan& other) {
  if (other.first.seq < span.first.seq) span.first = other.first;
  if (other.last.seq > span.last.seq) span.last = other.last;
  for (const auto& destination : other.destinations) {
    const auto known = find_place(span.destinations, destination.last, &DestinationSpan::last);
    if (known == span.destinations.end()) {
      span.destinations.push_back(destination);
      continue;
    }
    if (destination.first.bytes < known->first.bytes) known->first = destination.first;
    if (destination.last.bytes > known->last.bytes) known->last = destination.last;
  }
  keep_largest(span.destinations);
}

void join(LeakLedger& ledger, const LeakLedger& other) {
  ledger.settled.packets = sum(ledger.settled.packets, other.settled.packets);
  ledger.settled.bytes = sum(ledger.settled.bytes, other.settled.bytes);
  for (const auto& destination : other.settled.destinations) add_to(ledger.settled.destinations, destination);
  keep_largest(ledger.settled.destinations);
  if (other.settled_until) ledger.settled_until = std::max(ledger.settled_until.value_or(*other.settled_until), *other.settled_until);
  for (const auto& span : other.meters) {
    const auto known = find_meter(ledger, span.boot_id, span.since);
    if (known == ledger.meters.end()) {
      ledger.meters.push_back(span);
    } else {
      join(*known, span);
    }
  }
  settle_oldest(ledger);
}

bool lies_within(const MeterSpan& span, const LeakMark& mark) {
  return mark.seq > span.first.seq && mark.seq < span.last.seq && is_not_less(mark, span.first) && is_not_less(span.last, mark);
}

void cut_before(MeterSpan& span, const MeterSpan& counters) {
  if (!lies_within(span, counters.last)) return;
  span.first = counters.last;
  for (auto& destination : span.destinations) {
    const auto known = find_place(counters.destinations, destination.last, &DestinationSpan::last);
    if (known != counters.destinations.end()) destination.first = known->last;
  }
}

void cut_after(MeterSpan& span, const MeterSpan& counters) {
  if (!lies_within(span, counters.last)) return;
  span.last = counters.last;
  for (auto& destination : span.destinations) {
    const auto known = find_place(counters.destinations, destination.last, &DestinationSpan::last);
    destination.last = known != counters.destinations.end() ? known->last : destination.first;
  }
}

template <typename Cut>
void cut_meters(Exposure& exposure, const Exposure& counters, Cut cut) {
  for (const auto& theirs : counters.ledgers) {
    const auto ledger = std::ranges::find(exposure.ledgers, theirs.client_id, &LeakLedger::client_id);
    if (ledger == exposure.ledgers.end()) continue;
    for (const auto& mark : theirs.meters) {
      if (const auto span = find_meter(*ledger, mark.boot_id, mark.since); span != ledger->meters.end()) cut(*span, mark);
    }
  }
}

/// Null: there is no room for another one.
LeakLedger* ledger_of(Exposure& exposure, const std::string& client_id) {
  const auto known = std::ranges::find(exposure.ledgers, client_id, &LeakLedger::client_id);
  if (known != exposure.ledgers.end()) return &*known;
  if (exposure.ledgers.size() >= Exposure::most_ledgers) return nullptr;
  exposure.ledgers.push_back({client_id, {}, {}, {}});
  return &exposure.ledgers.back();
}

LeakTotal total_of(const LeakLedger& ledger) {
  auto total = ledger.settled;
  for (const auto& span : ledger.meters) add_to(total, span);
  return total;
}

}  // namespace

nlohmann::json to_json(const LeakTotal& total) {
  if (total.is_unknown()) return nullptr;
  nlohmann::json object{{"packets", total.packets}, {"bytes", total.bytes}, {"destinations", encode(total.destinations)}};
  if (total.at_least) object["at_least"] = true;
  return object;
}

bool add(Exposure& exposure, const LeakStep& step) {
  const bool had_gaps = exposure.gaps;
  auto* const ledger = step.now == nullptr ? nullptr : ledger_of(exposure, step.client_id);
  exposure.gaps = had_gaps || ledger == nullptr || leaves_gap(*ledger, step);
  const bool counted = ledger != nullptr && add(*ledger, step);
  return counted || exposure.gaps != had_gaps;
}

void join(Exposure& exposure, const Exposure& other) {
  exposure.gaps = exposure.gaps || other.gaps;
  for (const auto& theirs : other.ledgers) {
    if (auto* const ledger = ledger_of(exposure, theirs.client_id)) join(*ledger, theirs);
  }
}

void cut_before(Exposure& exposure, const Exposure& counters) {
  cut_meters(exposure, counters, [](MeterSpan& span, const MeterSpan& mark) { cut_before(span, mark); });
}

void cut_after(Exposure& exposure, const Exposure& counters) {
  cut_meters(exposure, counters, [](MeterSpan& span, const MeterSpan& mark) { cut_after(span, mark); });
}

std::optional<LeakTotal> total_of(const Exposure& exposure) {
  if (exposure.ledgers.empty()) return std::nullopt;
  LeakTotal most;
  for (const auto& ledger : exposure.ledgers) {
    const auto total = total_of(ledger);
    most.packets = std::max(most.packets, total.packets);
    most.bytes = std::max(most.bytes, total.bytes);
    for (const auto& destination : total.destinations) {
      const auto known = find_place(most.destinations, destination, std::identity());
      if (known == most.destinations.end()) {
        most.destinations.push_back(destination);
      } else if (destination.bytes > known->bytes) {
        *known = destination;
      }
    }
  }
  keep_largest(most.destinations);
  most.at_least = exposure.gaps;
  return most;
}

}  // namespace vpn_sentinel
