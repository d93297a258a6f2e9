#include "hub/store/roll_up.hpp"

#include <algorithm>
#include <limits>

#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

constexpr std::array resolution_lengths{microseconds{std::chrono::minutes{1}}, microseconds{std::chrono::hours{1}},
                                        microseconds{std::chrono::hours{24}}};

double seconds(microseconds time) { return static_cast<double>(time.count()) / 1e6; }

/// Numbers come from outside.
std::int64_t bounded_sum(std::int64_t left, std::int64_t right) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(left, right, &sum)) return sum;
  return right > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

/// Nullopt: what left between two reports that both count is not known. A meter that began anew has counted all of it since, unless it
/// goes on from the numbers of the old one.
std::optional<Counted> growth(const Counted& from, const Counted& to) {
  if (to.since < from.since) return std::nullopt;
  if (to.packets >= from.packets && to.bytes >= from.bytes) return Counted{to.since, to.packets - from.packets, to.bytes - from.bytes};
  return to.since > from.since ? std::optional(to) : std::nullopt;
}

/// The same where the report before does not count, or is none.
std::optional<Counted> growth(const Spoken* from, const Spoken& to) {
  if (!to.counted) return std::nullopt;
  if (from == nullptr) return to.seq == 1 ? to.counted : std::nullopt;
  if (from->counted) return growth(*from->counted, *to.counted);
  const auto began = to.counted->since;
  const bool began_after = from->seq == 1 || (began != WallTime{} && began >= from->from && began <= to.from);
  return began_after ? to.counted : std::nullopt;
}

/// Of one tunnel, between two reports of it. A counter that fell began anew.
std::optional<Carried> traffic(const Spoken& from, const Spoken& to) {
  if (!from.carried || !to.carried || to.from <= from.from || to.from - from.from > Carried::longest) return std::nullopt;
  const auto& [tunnel, since, rx_bytes, tx_bytes] = *from.carried;
  if (to.carried->tunnel != tunnel || to.carried->since != since) return std::nullopt;
  if (to.carried->rx_bytes < rx_bytes || to.carried->tx_bytes < tx_bytes) return std::nullopt;
  return Carried{tunnel, since, to.carried->rx_bytes - rx_bytes, to.carried->tx_bytes - tx_bytes};
}

std::int64_t sum_of_bytes(std::int64_t left, std::int64_t right) { return std::min(bounded_sum(left, right), Sample::most_bytes); }

void add_exit(Sample& sample, std::string_view exit) {
  const auto place = std::lower_bound(sample.exits.begin(), sample.exits.end(), exit);
  if (place != sample.exits.end() && *place == exit) return;
  if (sample.exits.size() < Sample::most_exits) {
    sample.exits.emplace(place, exit);
  } else {
    sample.more_exits = true;
  }
}

std::optional<State> worst_of(const Sample& sample) {
  auto worst = sample.worst;
  for (const auto state : {State::secure, State::warning, State::contained, State::danger}) {
    if (sample.time.at(static_cast<std::size_t>(state)) > microseconds{0}) worst = std::max(worst.value_or(state), state);
  }
  return worst;
}

}  // namespace

microseconds length_of(Resolution resolution) noexcept { return resolution_lengths.at(static_cast<std::size_t>(resolution)); }

WallTime start_of(WallTime time, Resolution resolution) noexcept {
  const auto length = length_of(resolution).count();
  const auto number = number_of(time);
  const auto rest = ((number % length) + length) % length;
  return WallTime{microseconds{number - rest}};
}

void merge(Sample& sample, const Sample& other) {
  sample.reports += other.reports;
  if (other.worst) sample.worst = std::max(sample.worst.value_or(*other.worst), *other.worst);
  for (std::size_t state = 0; state < sample.time.size(); ++state) sample.time.at(state) += other.time.at(state);
  if (other.latencies > 0) {
    sample.latency_min = sample.latencies > 0 ? std::min(sample.latency_min, other.latency_min) : other.latency_min;
    sample.latency_max = std::max(sample.latency_max, other.latency_max);
    sample.latency_sum += other.latency_sum;
    sample.latencies += other.latencies;
  }
  sample.counted += other.counted;
  sample.packets_outside = bounded_sum(sample.packets_outside, other.packets_outside);
  sample.bytes_outside = bounded_sum(sample.bytes_outside, other.bytes_outside);
  sample.handshakes += other.handshakes;
  sample.handshake_sum += other.handshake_sum;
  sample.handshake_max = std::max(sample.handshake_max, other.handshake_max);
  sample.traffic_time += other.traffic_time;
  sample.rx_bytes = sum_of_bytes(sample.rx_bytes, other.rx_bytes);
  sample.tx_bytes = sum_of_bytes(sample.tx_bytes, other.tx_bytes);
  sample.more_exits = sample.more_exits || other.more_exits;
  for (const auto& exit : other.exits) add_exit(sample, exit);
}

bool is_nothing(const Sample& sample) {
  const bool nothing_left = sample.packets_outside == 0 && sample.bytes_outside == 0;
  const bool nothing_carried = sample.traffic_time == microseconds{0} && sample.rx_bytes == 0 && sample.tx_bytes == 0;
  return sample.reports == 0 && sample.counted == 0 && nothing_left && nothing_carried &&
         std::all_of(sample.time.begin(), sample.time.end(), [](auto time) { return time == microseconds{0}; });
}

nlohmann::json sample_json(const Sample& sample, WallTime start, Resolution resolution) {
  const auto length = length_of(resolution);
  microseconds known{0};
  for (const auto time : sample.time) known += time;
  const auto worst = worst_of(sample);
  nlohmann::json json{{"start", to_rfc3339(start)},
                      {"length_s", std::chrono::duration_cast<std::chrono::seconds>(length).count()},
                      {"reports", sample.reports},
                      {"worst", worst ? nlohmann::json(to_string(*worst)) : nlohmann::json(nullptr)},
                      {"unknown_s", seconds(std::max(length - known, microseconds{0}))},
                      {"latency_ms", nullptr},
                      {"exits", sample.exits}};
  for (const auto state : {State::secure, State::warning, State::contained, State::danger}) {
    json[std::string(to_string(state)) + "_s"] = seconds(sample.time.at(static_cast<std::size_t>(state)));
  }
  if (sample.latencies > 0) {
    const auto mean = static_cast<double>(sample.latency_sum) / static_cast<double>(sample.latencies);
    json["latency_ms"] = {{"min", static_cast<double>(sample.latency_min) / 1e3},
                          {"mean", mean / 1e3},
                          {"max", static_cast<double>(sample.latency_max) / 1e3}};
  }
  if (sample.more_exits) json["more_exits"] = true;
  const bool counted = sample.counted > 0;
  json["packets_outside"] = counted ? nlohmann::json(std::max<std::int64_t>(sample.packets_outside, 0)) : nlohmann::json(nullptr);
  json["bytes_outside"] = counted ? nlohmann::json(std::max<std::int64_t>(sample.bytes_outside, 0)) : nlohmann::json(nullptr);
  json["traffic_bytes_per_s"] = nullptr;
  if (sample.traffic_time > microseconds{0}) {
    const auto per_second = [passed = seconds(sample.traffic_time)](std::int64_t bytes) {
      return static_cast<double>(std::max<std::int64_t>(bytes, 0)) / passed;
    };
    json["traffic_bytes_per_s"] = {{"rx", per_second(sample.rx_bytes)}, {"tx", per_second(sample.tx_bytes)}};
  }
  json["handshake_age_s"] = nullptr;
  if (sample.handshakes > 0) {
    const auto mean = static_cast<double>(sample.handshake_sum) / static_cast<double>(sample.handshakes);
    json["handshake_age_s"] = {{"mean", mean}, {"max", sample.handshake_max}};
  }
  return json;
}

void ClientMinutes::add(WallTime time, const Measured& measured) {
  auto& sample = minute(time);
  ++sample.reports;
  sample.worst = std::max(sample.worst.value_or(measured.state), measured.state);
  if (const auto latency = measured.latency_us) {
    sample.latency_min = sample.latencies > 0 ? std::min(sample.latency_min, *latency) : *latency;
    sample.latency_max = std::max(sample.latency_max, *latency);
    sample.latency_sum += *latency;
    ++sample.latencies;
  }
  if (!measured.exit.empty()) add_exit(sample, measured.exit);
  if (const auto age = measured.handshake_age_s) {
    ++sample.handshakes;
    sample.handshake_sum += *age;
    sample.handshake_max = std::max(sample.handshake_max, *age);
  }
}

void ClientMinutes::speak(const Spoken& report, const Spoken* before, std::optional<WallTime> next) {
  const bool goes_on = before != nullptr && !next && before->state == report.state && before->from <= report.from &&
                       report.from <= before->until && before->until <= report.until;
  if (goes_on) return add_time(report.state, before->until, report.until, 1);  // the same as below: nearly every report
  const auto end = [&next](const Spoken& spoken) { return next ? std::min(spoken.until, *next) : spoken.until; };
  if (before != nullptr) {
    add_time(before->state, before->from, end(*before), -1);
    add_time(before->state, before->from, std::min(before->until, report.from), 1);
  }
  add_time(report.state, report.from, end(report), 1);
}

void ClientMinutes::leave(const Spoken& report, const Spoken* before, const Spoken* after) {
  add_growth(before, report, 1);
  if (before != nullptr) add_traffic(*before, report, 1);
  if (after == nullptr) return;
  add_growth(before, *after, -1);
  add_growth(&report, *after, 1);
  if (before != nullptr) add_traffic(*before, *after, -1);
  add_traffic(report, *after, 1);
}

void ClientMinutes::add_traffic(const Spoken& from, const Spoken& to, int sign) {
  const auto moved = traffic(from, to);
  if (!moved) return;
  auto& sample = minute(to.from);
  sample.traffic_time += sign * (to.from - from.from);
  sample.rx_bytes = sum_of_bytes(sample.rx_bytes, sign * moved->rx_bytes);
  sample.tx_bytes = sum_of_bytes(sample.tx_bytes, sign * moved->tx_bytes);
}

void ClientMinutes::add_growth(const Spoken* from, const Spoken& to, int sign) {
  const auto grown = growth(from, to);
  if (!grown) return;
  auto& sample = minute(to.from);
  sample.counted += sign;
  sample.packets_outside = bounded_sum(sample.packets_outside, sign * grown->packets);
  sample.bytes_outside = bounded_sum(sample.bytes_outside, sign * grown->bytes);
}

void ClientMinutes::add_time(State state, WallTime from, WallTime until, int sign) {
  while (from < until) {
    const auto stop = std::min(until, start_of(from, Resolution::minute) + length_of(Resolution::minute));
    minute(from).time.at(static_cast<std::size_t>(state)) += sign * (stop - from);
    from = stop;
  }
}

Sample& ClientMinutes::minute(WallTime time) {
  const auto start = number_of(start_of(time, Resolution::minute));
  if (!minutes_.empty() && minutes_.back().first == start) return minutes_.back().second;
  const auto place =
      std::lower_bound(minutes_.begin(), minutes_.end(), start, [](const auto& each, std::int64_t other) { return each.first < other; });
  if (place != minutes_.end() && place->first == start) return place->second;
  return minutes_.emplace(place, start, Sample{})->second;
}

void ClientMinutes::move_to(Samples& samples, std::int64_t client) && {
  for (auto& [start, sample] : minutes_) {
    if (!is_nothing(sample)) samples.emplace(std::pair(start, client), std::move(sample));
  }
}

Samples coarser(const Samples& samples, Resolution resolution) {
  Samples coarse;
  for (const auto& [key, sample] : samples) {
    merge(coarse[{number_of(start_of(WallTime{microseconds{key.first}}, resolution)), key.second}], sample);
  }
  std::erase_if(coarse, [](const auto& each) { return is_nothing(each.second); });
  return coarse;
}

}  // namespace vpn_sentinel
