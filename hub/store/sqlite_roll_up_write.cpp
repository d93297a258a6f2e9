// The half of the roll-up that writes: what was added up becomes rows of minutes, hours and days.
#include <algorithm>
#include <iterator>
#include <utility>

#include "hub/store/sqlite_roll_up.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

std::string join(const std::vector<std::string>& exits) {
  std::string text;
  for (const auto& exit : exits) text += (text.empty() ? "" : ",") + exit;
  return text;
}

}  // namespace

/// What is added from here on is the next round's.
void SqliteRollUp::begin_writing() {
  writing_.assign(std::make_move_iterator(minutes_of_.begin()), std::make_move_iterator(minutes_of_.end()));
  std::sort(writing_.begin(), writing_.end(), [](const auto& left, const auto& right) { return left.first < right.first; });
  const bool goes_on = writing_until_ != 0;
  written_ = 0;
  while (goes_on && is_writing() && writing_[written_].first <= written_client_) ++written_;
  minutes_of_.clear();
  minutes_ = 0;
  writing_until_ = through_;
}

Result<std::size_t> SqliteRollUp::write_on(std::size_t most) {
  Samples minutes;
  while (is_writing() && minutes.size() < most) {
    auto& [client, of_client] = writing_[written_++];
    std::move(of_client).move_to(minutes, client);
    written_client_ = client;
  }
  const auto hours = coarser(minutes, Resolution::hour);
  auto done = save(minutes, Resolution::minute);
  if (done) done = save(hours, Resolution::hour);
  if (done) done = save(coarser(hours, Resolution::day), Resolution::day);
  if (done) done = write_marks();
  if (!done) return fail(done.error());
  return minutes.size();
}

Result<void> SqliteRollUp::write_marks() {
  if (is_writing()) {
    auto done = write_mark_.run(until_name, writing_until_);
    if (done) done = write_mark_.run(client_name, written_client_);
    return done;
  }
  mark_ = writing_until_;
  writing_until_ = written_client_ = 0;
  writing_.clear();
  written_ = 0;
  return write_mark_.run(done_name, mark_);
}

/// What nearly always is enough, in one statement: numbers that are added, and the exits are those that are known.
Result<bool> SqliteRollUp::add_simply(const Place& place, const Sample& added) {
  if (std::any_of(added.time.begin(), added.time.end(), [](auto time) { return time < microseconds{0}; })) return false;
  if (added.packets_outside != 0 || added.bytes_outside != 0) return false;  // they stop at the largest number
  if (added.traffic_time < microseconds{0} || added.rx_bytes < 0 || added.tx_bytes < 0) return false;
  const auto rows = write(add_, place, added);
  if (!rows) return fail(rows.error());
  return *rows > 0;
}

Result<std::int64_t> SqliteRollUp::write(Statement& statement, const Place& place, const Sample& sample) {
  return statement.run_counted(place.resolution, place.start, place.client, sample.reports,
                               sample.worst ? static_cast<std::int64_t>(*sample.worst) : std::int64_t{-1}, sample.time[0].count(),
                               sample.time[1].count(), sample.time[2].count(), sample.time[3].count(), sample.latencies, sample.latency_sum,
                               sample.latency_min, sample.latency_max, join(sample.exits), std::int64_t{sample.more_exits ? 1 : 0},
                               sample.counted, sample.packets_outside, sample.bytes_outside, sample.handshakes, sample.handshake_sum,
                               sample.handshake_max, sample.traffic_time.count(), sample.rx_bytes, sample.tx_bytes);
}

Result<void> SqliteRollUp::merge_into(const Place& place, const Sample& added) {
  Sample sample;
  auto done = load_.query([&sample](const Statement& row) { sample = read_sample(row, 0); }, place.resolution, place.start, place.client);
  if (!done) return done;
  merge(sample, added);
  // A late report takes back what was compared without it, which an older hub had not written.
  if (sample.traffic_time < microseconds{0} || sample.rx_bytes < 0 || sample.tx_bytes < 0) {
    sample.traffic_time = microseconds{0};
    sample.rx_bytes = sample.tx_bytes = 0;
  }
  if (is_nothing(sample)) return remove_.run(place.resolution, place.start, place.client);
  const auto written = write(save_, place, sample);
  if (!written) return fail(written.error());
  return {};
}

Result<void> SqliteRollUp::save(const Samples& samples, Resolution resolution) {
  for (const auto& [key, added] : samples) {
    const Place place{static_cast<std::int64_t>(resolution), key.first, key.second};
    const auto simply = add_simply(place, added);
    if (!simply) return fail(simply.error());
    if (*simply) continue;
    if (auto done = merge_into(place, added); !done) return done;
  }
  return {};
}

}  // namespace vpn_sentinel
