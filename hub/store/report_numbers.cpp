#include "hub/store/report_numbers.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

namespace vpn_sentinel {
namespace {

/// Boots without waiting reports that are remembered, roughly: more than clients report at one time. The others are looked up again.
constexpr std::size_t most_boots_in_memory = 50'000;
/// For each report that is added, while many wait.
constexpr std::size_t entered_per_added = 2;
constexpr std::size_t fewest_entered = 64;
/// So many of one boot are looked through one by one.
constexpr std::size_t many_of_one_boot = 64;
/// The place of a boot that is not in the table yet.
constexpr std::int64_t at_the_end = std::numeric_limits<std::int64_t>::max();

}  // namespace

Result<ReportNumbers> ReportNumbers::prepare(Database& database) {
  ReportNumbers numbers;
  const std::pair<Statement ReportNumbers::*, std::string_view> texts[] = {
      {&ReportNumbers::load_, "SELECT id, client, boot_id, seq FROM reports WHERE id > ?1 ORDER BY id"},
      {&ReportNumbers::last_id_, "SELECT max(coalesce((SELECT max(id) FROM reports), 0), coalesce((SELECT max(value) FROM marks), 0))"},
      {&ReportNumbers::read_mark_, "SELECT value FROM marks WHERE name = 'numbered'"},
      {&ReportNumbers::write_mark_, "INSERT INTO marks (name, value) VALUES ('numbered', ?1) ON CONFLICT DO UPDATE SET value = ?1"},
      {&ReportNumbers::find_boot_, "SELECT id FROM boots WHERE client = ?1 AND boot_id = ?2"},
      {&ReportNumbers::add_boot_, "INSERT INTO boots (client, boot_id) VALUES (?1, ?2)"},
      {&ReportNumbers::highest_,
       "SELECT max(gone_until, coalesce((SELECT seq FROM numbers WHERE boot = ?1 ORDER BY seq DESC LIMIT 1), 0)) FROM boots WHERE id = ?1"},
      {&ReportNumbers::is_gone_, "SELECT 1 FROM boots WHERE id = ?1 AND gone_until >= ?2"},
      {&ReportNumbers::is_entered_, "SELECT 1 FROM numbers WHERE boot = ?1 AND seq = ?2"},
      {&ReportNumbers::before_, "SELECT seq, report FROM numbers WHERE boot = ?1 AND seq < ?2 AND report < ?3 ORDER BY seq DESC LIMIT 1"},
      {&ReportNumbers::after_, "SELECT seq, report FROM numbers WHERE boot = ?1 AND seq > ?2 AND report < ?3 ORDER BY seq LIMIT 1"},
      // After a crash in the middle of a portion the first of it are entered again.
      {&ReportNumbers::enter_, "INSERT OR REPLACE INTO numbers (boot, seq, report) VALUES (?1, ?2, ?3)"},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    numbers.*statement = std::move(*prepared);
  }
  return numbers;
}

void ReportNumbers::forget() {
  loaded_ = false;
  first_turn_ += waiting_.size();
  waiting_.clear();
  boots_.clear();
  portion_.clear();
  portion_length_ = entered_ = added_ = 0;
}

Result<void> ReportNumbers::load() {
  if (loaded_) return {};
  forget();
  std::int64_t mark = 0;
  auto done = read_mark_.query([&mark](const Statement& row) { mark = row.integer(0); });
  if (done) done = last_id_.query([this](const Statement& row) { next_id_ = row.integer(0) + 1; });
  if (!done) return done;
  loaded_ = true;
  Result<void> found;
  done = load_.query(
      [&](const Statement& row) {
        if (found) found = added(row.integer(0), row.integer(1), std::string(row.text(2)), row.integer(3));
      },
      mark);
  if (done) done = found;
  added_ = 0;
  if (!done) forget();
  return done;
}

Result<std::int64_t> ReportNumbers::next_id() {
  if (auto done = load(); !done) return fail(done.error());
  return next_id_;
}

Result<std::int64_t> ReportNumbers::entered_until() {
  if (auto done = load(); !done) return fail(done.error());
  return (waiting_.empty() ? next_id_ : waiting_.front().id) - 1;
}

Result<ReportNumbers::Boot*> ReportNumbers::find(std::int64_t client, const std::string& boot_id) {
  if (auto done = load(); !done) return fail(done.error());
  key_.assign(boot_id).append(reinterpret_cast<const char*>(&client), sizeof client);
  if (const auto known = boots_.find(key_); known != boots_.end()) return &known->second;
  Boot boot;
  boot.client = client;
  boot.boot_id = boot_id;
  const auto number = number_of(boot);
  if (!number) return fail(number.error());
  if (*number != 0) {
    auto done = highest_.query([&boot](const Statement& row) { boot.highest = row.integer(0); }, *number);
    if (!done) return fail(done.error());
  }
  return &boots_.emplace(key_, std::move(boot)).first->second;
}

Result<std::int64_t> ReportNumbers::number_of(Boot& boot) {
  if (boot.number) return *boot.number;
  std::int64_t number = 0;
  auto done = find_boot_.query([&number](const Statement& row) { number = row.integer(0); }, boot.client, boot.boot_id);
  if (!done) return fail(done.error());
  boot.number = number;
  return number;
}

template <typename OnWaiting>
void ReportNumbers::each_waiting(const Boot& boot, OnWaiting on_waiting) const {
  for (auto turn = boot.newest; turn >= first_turn_; turn = waiting_[turn - first_turn_].turn_before) {
    on_waiting(waiting_[turn - first_turn_]);
  }
}

Result<bool> ReportNumbers::is_stored(std::int64_t client, const std::string& boot_id, std::int64_t seq) {
  if (boot_id.empty()) return false;
  const auto boot = find(client, boot_id);
  if (!boot) return fail(boot.error());
  if (seq > (*boot)->highest) return false;
  const auto& by_seq = (*boot)->by_seq;
  bool stored = by_seq.contains(seq);
  if (by_seq.empty()) each_waiting(**boot, [&](const Waiting& report) { stored = stored || report.seq == seq; });
  if (stored) return true;
  const auto number = number_of(**boot);
  if (!number) return fail(number.error());
  const auto found = [&stored](const Statement&) { stored = true; };
  auto done = is_entered_.query(found, *number, seq);
  // What was removed for want of room was stored, and what was not is older than all that is left.
  if (done && !stored) done = is_gone_.query(found, *number, seq);
  if (!done) return fail(done.error());
  return stored;
}

Result<void> ReportNumbers::added(std::int64_t id, std::int64_t client, const std::string& boot_id, std::int64_t seq) {
  Boot* boot = nullptr;
  if (!boot_id.empty()) {
    const auto found = find(client, boot_id);
    if (!found) return fail(found.error());
    boot = *found;
  }
  note(id, client, boot, seq);
  return {};
}

void ReportNumbers::note(std::int64_t id, std::int64_t client, Boot* boot, std::int64_t seq) {
  waiting_.push_back({id, seq, boot, client, boot != nullptr ? boot->newest : 0});
  next_id_ = id + 1;
  ++added_;
  if (boot == nullptr) return;
  boot->newest = first_turn_ + waiting_.size() - 1;
  boot->highest = std::max(boot->highest, seq);
  if (++boot->waiting <= many_of_one_boot) return;
  if (!boot->by_seq.empty()) {
    boot->by_seq.emplace(seq, id);
  } else {
    each_waiting(*boot, [boot](const Waiting& report) { boot->by_seq.emplace(report.seq, report.id); });
  }
}

void ReportNumbers::stop_waiting(const Waiting& report) {
  if (report.boot == nullptr) return;
  --report.boot->waiting;
  report.boot->by_seq.erase(report.seq);
  // The few that are left would not be added to.
  if (report.boot->waiting <= many_of_one_boot) report.boot->by_seq.clear();
}

Result<std::int64_t> ReportNumbers::highest(std::int64_t client, const std::string& boot_id) {
  if (boot_id.empty()) return 0;
  const auto boot = find(client, boot_id);
  if (!boot) return fail(boot.error());
  return std::max<std::int64_t>((*boot)->highest, 0);
}

Result<ReportNumbers::Places> ReportNumbers::around(std::int64_t client, const std::string& boot_id, std::int64_t seq, std::int64_t end) {
  Places places;
  if (boot_id.empty()) return places;
  const auto boot = find(client, boot_id);
  if (!boot) return fail(boot.error());
  const auto look = [&](std::int64_t other, std::int64_t report) {
    if (other < seq && (!places.before || other > places.before->seq)) places.before = Place{other, report};
    if (other > seq && (!places.after || other < places.after->seq)) places.after = Place{other, report};
  };
  const auto& by_seq = (*boot)->by_seq;
  if (by_seq.empty()) {
    each_waiting(**boot, [&](const Waiting& report) {
      if (report.id < end) look(report.seq, report.id);
    });
  }
  for (auto after = by_seq.upper_bound(seq); after != by_seq.end() && !places.after; ++after) {
    if (after->second < end) look(after->first, after->second);
  }
  for (auto next = by_seq.lower_bound(seq); next != by_seq.begin() && !places.before;) {
    --next;
    if (next->second < end) look(next->first, next->second);
  }
  const auto number = number_of(**boot);
  if (!number) return fail(number.error());
  const auto look_at_row = [&](const Statement& row) { look(row.integer(0), row.integer(1)); };
  auto done = before_.query(look_at_row, *number, seq, end);
  if (done) done = after_.query(look_at_row, *number, seq, end);
  if (!done) return fail(done.error());
  return places;
}

/// The next portion, sorted as the index is: neighbours share its pages.
void ReportNumbers::line_up() {
  portion_length_ = std::min(waiting_.size(), many_waiting);
  using Lined = std::tuple<std::int64_t, const Boot*, std::int64_t, std::uint64_t>;
  std::vector<Lined> line;
  line.reserve(portion_length_);
  for (std::size_t i = 0; i < portion_length_; ++i) {
    const auto& report = waiting_[i];
    if (report.boot == nullptr) continue;
    const auto number = report.boot->number.value_or(0);
    line.emplace_back(number != 0 ? number : at_the_end, report.boot, report.seq, first_turn_ + i);
  }
  std::sort(line.begin(), line.end());
  portion_.reserve(line.size());
  for (const auto& lined : line) portion_.push_back(std::get<std::uint64_t>(lined));
}

Result<void> ReportNumbers::enter(const Waiting& report) {
  auto number = number_of(*report.boot);
  if (number && *number == 0) {
    if (auto done = add_boot_.run(report.client, report.boot->boot_id); !done) return done;
    report.boot->number.reset();
    number = number_of(*report.boot);
  }
  if (!number) return fail(number.error());
  return enter_.run(*number, report.seq, report.id);
}

Result<void> ReportNumbers::begin_round() {
  if (auto done = load(); !done) return done;
  round_until_ = first_turn_ + waiting_.size();
  return {};
}

Result<void> ReportNumbers::advance(std::size_t most) {
  if (auto done = load(); !done) return done;
  if (!under_way()) line_up();
  for (; most > 0 && entered_ < portion_.size(); --most, ++entered_) {
    if (auto done = enter(waiting_[portion_[entered_] - first_turn_]); !done) return done;
  }
  return under_way() && entered_ == portion_.size() ? finish_portion() : Result<void>();
}

Result<void> ReportNumbers::finish_portion() {
  if (auto done = write_mark_.run(waiting_[portion_length_ - 1].id); !done) return done;
  for (std::size_t i = 0; i < portion_length_; ++i) stop_waiting(waiting_[i]);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(portion_length_));
  first_turn_ += portion_length_;
  portion_.clear();
  portion_length_ = entered_ = 0;
  if (boots_.size() > most_boots_in_memory) {
    std::erase_if(boots_, [this](const auto& boot) { return boot.second.newest < first_turn_; });
  }
  return {};
}

Result<void> ReportNumbers::keep_up() {
  const auto added = std::exchange(added_, 0);
  if (!under_way() && waiting_.size() < many_waiting) return {};
  return advance(std::max(added * entered_per_added, fewest_entered));
}

Result<std::unordered_set<std::int64_t>> ReportNumbers::waiting_clients() {
  if (auto done = load(); !done) return fail(done.error());
  std::unordered_set<std::int64_t> clients;
  for (const auto& report : waiting_) clients.insert(report.client);
  return clients;
}

void ReportNumbers::boots_removed() {
  for (auto& [key, boot] : boots_) boot.number.reset();
}

}  // namespace vpn_sentinel
