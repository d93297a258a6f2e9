#include "hub/store/history_import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "hub/ingest/parse.hpp"
#include "hub/store/codec.hpp"
#include "hub/store/history_export.hpp"
#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_roll_up.hpp"
#include "hub/store/stored_time.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// Lines of one transaction.
constexpr std::size_t most_together = 1'000;
/// Brackets in brackets of a line: those of a report and three more.
constexpr int deepest_line = 64;
constexpr std::size_t longest_exits = 1'000;
constexpr auto largest = std::numeric_limits<std::int64_t>::max();

tl::unexpected<Error> wrong(std::string_view member, std::string_view expected) {
  return fail(Error::Kind::invalid, fmt::format("{}: expected {}", member, expected));
}

Result<std::string> text_of(const json& line, const char* member) {
  const auto found = line.find(member);
  if (found == line.end() || !found->is_string()) return wrong(member, "a text");
  return found->get<std::string>();
}

Result<WallTime> read_time(const json& line, const char* member) {
  const auto text = text_of(line, member);
  const auto time = text ? parse_rfc3339(*text) : fail(text.error());
  if (!time) return wrong(member, "an RFC 3339 time such as 2026-11-21T10:15:30Z");
  return *time;
}

/// Of a client, or "group:NAME".
Result<std::string> subject_of(const json& line) {
  auto text = text_of(line, "client_id");
  if (!text) return text;
  constexpr std::string_view group = "group:";
  const bool valid = text->starts_with(group) ? is_valid_group(text->substr(group.size())) : is_valid_client_id(*text);
  if (!valid) return wrong("client_id", "1-100 characters out of A-Z a-z 0-9 . _ -, or group: and the name of one");
  return text;
}

Result<const json*> object_of(const json& line, const char* member) {
  const auto found = line.find(member);
  if (found == line.end() || !found->is_object()) return wrong(member, "an object");
  return &*found;
}

/// What a change is, in 64 bits: one of a million is taken for another with a chance of one in ten million.
std::uint64_t fingerprint(std::int64_t client, std::int64_t at, std::int64_t noticed, std::string_view kind, std::string_view text) {
  return std::hash<std::string>{}(fmt::format("{} {} {} {} {}", client, at, noticed, kind, text));
}

std::string compact(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

class Importer final : public HistoryImport {
 public:
  struct Statements {
    Statement begin, commit, find_name, add_name, find_client, find_original, all_changes, add_change, find_incident, add_incident,
        add_sample, add_presence;
  };

  Importer(std::unique_ptr<Store> store, Database database, Statements statements)
      : store_(std::move(store)), database_(std::move(database)), sql_(std::move(statements)) {}
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;
  /// What was not finished is as if it had never been read.
  ~Importer() override {
    if (in_store_) store_->rollback();
    if (database_.in_transaction()) static_cast<void>(database_.execute("ROLLBACK"));
  }

  /// The changes that are there already: the table is ordered by client and number alone.
  Result<void> load_changes() {
    return sql_.all_changes.query([this](const Statement& row) {
      changes_.insert(fingerprint(row.integer(0), row.integer(1), row.integer(2), row.text(3), row.text(4)));
    });
  }

  Result<void> take(std::string_view text) override {
    const bool sane = text.size() <= longest_line && shape_of(text).depth <= deepest_line;
    const auto line = sane ? json::parse(text, nullptr, false) : json(json::value_t::discarded);
    if (!line.is_object()) return wrong("the line", fmt::format("a JSON object of at most {} bytes", longest_line));
    if (line.contains("vpn_sentinel_export")) return take_head(line);
    if (!made_) return wrong("the first line", R"(that of an export: {"vpn_sentinel_export":1,"made":…})");
    static const std::array<std::pair<std::string_view, Result<bool> (Importer::*)(const json&)>, 6> kinds{{
        {"report", &Importer::take_report},
        {"change", &Importer::take_change},
        {"incident", &Importer::take_incident},
        {"sample", &Importer::take_sample},
        {"presence", &Importer::take_presence},
        {"client", &Importer::take_client},
    }};
    const auto type = text_of(line, "type").value_or("");
    for (const auto& [name, function] : kinds) {
      if (name != type) continue;
      const auto added = (this->*function)(line);
      if (!added) return fail(added.error());
      ++(*added ? count_.added : count_.known);
      return ++together_ >= most_together ? save() : Result<void>();
    }
    return wrong("type", "report, change, incident, sample, presence or client");
  }

  /// To its end: sums of an export that is read next must find those that the reports here make, or both would count.
  Result<void> roll_up() {
    auto more = store_->roll_up();
    while (more && *more) more = store_->roll_up();
    return more ? Result<void>() : fail(more.error());
  }

  Result<void> finish() override {
    auto done = save();
    return done ? roll_up() : done;
  }

  Count count() const override { return count_; }

 private:
  Result<void> save() {
    together_ = 0;
    Result<void> done;
    originals_.clear();
    if (std::exchange(in_store_, false)) done = store_->commit();
    if (done && database_.in_transaction()) done = sql_.commit.run();
    if (!done || !store_->needs_maintenance()) return done;
    Retention everything;
    everything.by_age = false;
    const auto maintained = store_->maintain(everything);
    return maintained ? Result<void>() : fail(maintained.error());
  }

  Result<void> take_head(const json& line) {
    if (line["vpn_sentinel_export"] != export_version)
      return wrong("vpn_sentinel_export", fmt::format("{}: it was made by a newer hub", export_version));
    const auto made = read_time(line, "made");
    if (!made) return fail(made.error());
    made_ = *made;
    return {};
  }

  /// Reports and clients are the store's business, the rest is written beside it: one of both writes at a time.
  Result<void> write_by_store() {
    if (in_store_) return {};
    if (auto done = save(); !done) return done;
    auto done = store_->begin();
    in_store_ = done.has_value();
    return done;
  }
  Result<void> write_beside() {
    if (!in_store_ && database_.in_transaction()) return {};
    if (auto done = save(); !done) return done;
    return sql_.begin.run();
  }

  static Result<Admitted> admitted_of(const json& line) {
    const auto object = object_of(line, "report");
    if (!object) return fail(object.error());
    auto report = decode_report(**object);
    if (!report) return wrong("report", fmt::format("one of a probe: {}", report.error().message));
    const auto time = read_time(line, "time");
    const auto received = read_time(line, "received");
    const auto source = text_of(line, "source");
    if (!time) return fail(time.error());
    if (!received) return fail(received.error());
    if (!source || source->size() > longest_source) return wrong("source", "an address");
    if (!is_valid_client_id(report->client_id)) return wrong("report.client_id", "1-100 characters out of A-Z a-z 0-9 . _ -");
    report->timestamp = *time;
    // A machine that was set back reports as another start of itself; the report itself does not say so.
    if (auto boot = text_of(line, "boot_id"); boot && boot->size() <= longest_boot) report->boot_id = std::move(*boot);
    return Admitted{std::move(*report), *source, *received, {}};
  }

  Result<bool> take_report(const json& line) {
    const auto admitted = admitted_of(line);
    if (!admitted) return fail(admitted.error());
    if (auto done = write_by_store(); !done) return fail(done.error());
    if (!admitted->report.boot_id.empty()) return store_->add_report(*admitted);
    const auto known = is_known_original(*admitted);
    if (!known) return fail(known.error());
    return *known ? Result<bool>(false) : store_->add_report(*admitted);
  }

  /// Those of the Python original have no number: it is the same when it was true and came at the same moments.
  Result<bool> is_known_original(const Admitted& admitted) {
    const auto& client_id = admitted.report.client_id;
    const auto time = number_of(*admitted.report.timestamp);
    const auto received = number_of(admitted.received);
    bool known = !originals_.emplace(client_id, time, received).second;
    auto done = sql_.find_original.query([&known](const Statement&) { known = true; }, client_id, time, received);
    if (!done) return fail(done.error());
    return known;
  }

  Result<bool> take_client(const json& line) {
    const auto object = object_of(line, "client");
    if (!object) return fail(object.error());
    auto client = decode_client_text(compact(**object));
    if (!client) return wrong("client", fmt::format("the state of one: {}", client.error().message));
    client->heard_after.reset();  // of another hub
    if (const auto id = subject_of(**object); !id) return fail(id.error());
    bool known = !clients_.insert(client->client_id).second;  // in the transaction under way the other connection does not see it
    auto done = sql_.find_client.query([&known](const Statement&) { known = true; }, client->client_id);
    if (done && known) return false;
    if (done) done = write_by_store();
    if (done) done = store_->save_client(*client);
    if (!done) return fail(done.error());
    return true;
  }

  Result<std::int64_t> name_of(const std::string& client_id) {
    std::int64_t id = 0;
    auto done = sql_.find_name.query([&id](const Statement& row) { id = row.integer(0); }, client_id);
    if (done && id == 0) {
      done = sql_.add_name.run(client_id);
      id = sqlite3_last_insert_rowid(database_.handle());
    }
    if (!done) return fail(done.error());
    return id;
  }

  /// The number of the client's name, in a transaction beside the store.
  Result<std::int64_t> begin_beside(const json& line) {
    const auto client_id = subject_of(line);
    if (!client_id) return fail(client_id.error());
    if (auto done = write_beside(); !done) return fail(done.error());
    return name_of(*client_id);
  }

  Result<bool> take_change(const json& line) {
    const auto at = read_time(line, "at");
    const auto noticed = read_time(line, "noticed");
    const auto kind = text_of(line, "kind");
    const auto object = object_of(line, "change");
    if (!at) return fail(at.error());
    if (!noticed) return fail(noticed.error());
    if (!kind || kind->size() > longest_word) return wrong("kind", "that of a change");
    if (!object) return fail(object.error());
    if (const auto to = text_of(**object, "to"); !to || !parse_state(*to)) return wrong("change.to", "a state");
    const auto client = begin_beside(line);
    if (!client) return fail(client.error());
    const auto text = compact(**object);
    const auto what = fingerprint(*client, number_of(*at), number_of(*noticed), *kind, text);
    if (changes_.contains(what)) return false;
    if (auto done = sql_.add_change.run(*client, number_of(*at), number_of(*noticed), *kind, text); !done) return fail(done.error());
    changes_.insert(what);
    return true;
  }

  /// One that went on is over with the export: nobody here would ever end it.
  Result<bool> take_incident(const json& line) {
    const auto object = object_of(line, "incident");
    if (!object) return fail(object.error());
    auto incident = decode_incident_text(compact(**object));
    if (!incident) return wrong("incident", incident.error().message);
    const auto client = begin_beside(line);
    if (!client) return fail(client.error());
    bool found = false;
    if (auto done = sql_.find_incident.query([&found](const Statement&) { found = true; }, *client, number_of(incident->start)); !done) {
      return fail(done.error());
    }
    if (found) return false;
    const auto until = incident->end.value_or(std::max(*made_, incident->since));
    if (!incident->end) {
      incident->exposed = exposed_until(*incident, until);
      incident->end = until;
    }
    const auto text = encode_incident_text(*incident);
    if (auto done = sql_.add_incident.run(*client, number_of(incident->start), number_of(until), text); !done) return fail(done.error());
    return true;
  }

  Result<bool> take_sample(const json& line) {
    const auto start = read_time(line, "start");
    if (!start) return fail(start.error());
    const auto resolution = line.value("resolution", json());
    if (!resolution.is_number_integer() || resolution < 0 || resolution > 2) return wrong("resolution", "0 (minute), 1 (hour) or 2 (day)");
    const auto place = resolution.get<std::int64_t>();
    if (start_of(*start, static_cast<Resolution>(place)) != *start) return wrong("start", "the beginning of a minute, hour or day (UTC)");
    const auto values = line.value("values", json());
    const bool whole =
        values.is_array() && (values.size() == std::size_t{sample_width} || values.size() == std::size_t{oldest_sample_width});
    if (!whole) return wrong("values", fmt::format("{} of them", sample_width));
    for (std::size_t column = 0; column < values.size(); ++column) {
      const auto& value = values[column];
      const bool fits = column == exits_column
                            ? value.is_string() && value.get_ref<const std::string&>().size() <= longest_exits
                            : value.is_number_integer() && value <= largest && (value >= 0 || (column == 1 && value == -1));
      if (!fits)
        return wrong("values", fmt::format("numbers that are not negative, and a text of addresses as the {}th", exits_column + 1));
    }
    const auto client = begin_beside(line);
    if (!client) return fail(client.error());
    const auto number = [&values](std::size_t column) { return column < values.size() ? values[column].get<std::int64_t>() : 0; };
    const auto added = sql_.add_sample.run_counted(place, number_of(*start), *client, number(0), number(1), number(2), number(3), number(4),
                                                   number(5), number(6), number(7), number(8), number(9),
                                                   values[exits_column].get<std::string>(), number(11), number(12), number(13), number(14),
                                                   number(15), number(16), number(17), number(18), number(19), number(20));
    if (!added) return fail(added.error());
    return *added > 0;
  }

  Result<bool> take_presence(const json& line) {
    const auto start = read_time(line, "start");
    const auto until = read_time(line, "until");
    if (!start) return fail(start.error());
    if (!until || *until < *start) return wrong("until", "an RFC 3339 time not before start");
    if (auto done = write_beside(); !done) return fail(done.error());
    const auto added = sql_.add_presence.run_counted(number_of(*start), number_of(*until));
    if (!added) return fail(added.error());
    return *added > 0;
  }

  static constexpr std::size_t longest_source = 64;
  static constexpr std::size_t longest_boot = 128;
  static constexpr std::size_t longest_word = 64;

  std::unique_ptr<Store> store_;
  Database database_;
  Statements sql_;
  std::optional<WallTime> made_;
  bool in_store_ = false;
  std::size_t together_ = 0;
  std::set<std::tuple<std::string, std::int64_t, std::int64_t>> originals_;  ///< of the transaction under way
  std::set<std::string> clients_;                                            ///< of this import
  std::unordered_set<std::uint64_t> changes_;                                ///< fingerprints
  Count count_;
};

}  // namespace

Result<std::unique_ptr<HistoryImport>> HistoryImport::open(const std::string& file) {
  auto store = open_sqlite_store(file);
  if (!store) return fail(store.error());
  auto database = Database::open(file);
  if (!database) return fail(database.error());
  using Statements = Importer::Statements;
  Statements statements;
  const auto add_sample = fmt::format(
      "INSERT OR IGNORE INTO samples (resolution, start, client, {}) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, "
      "?22, ?23, ?24)",
      sample_columns);
  const std::pair<Statement Statements::*, std::string_view> texts[] = {
      {&Statements::begin, "BEGIN IMMEDIATE"},
      {&Statements::commit, "COMMIT"},
      {&Statements::find_name, "SELECT id FROM names WHERE client_id = ?1"},
      {&Statements::add_name, "INSERT INTO names (client_id) VALUES (?1)"},
      {&Statements::find_client, "SELECT 1 FROM clients WHERE client = (SELECT id FROM names WHERE client_id = ?1)"},
      {&Statements::find_original,
       "SELECT 1 FROM reports INDEXED BY reports_without_boot WHERE client = (SELECT id FROM names WHERE client_id = ?1) AND boot_id = '' "
       "AND time = ?2 AND received = ?3 LIMIT 1"},
      {&Statements::all_changes, "SELECT client, at, noticed, kind, json FROM changes"},
      {&Statements::add_change, "INSERT INTO changes (client, at, noticed, kind, json) VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&Statements::find_incident, "SELECT 1 FROM incidents WHERE client = ?1 AND start = ?2 LIMIT 1"},
      {&Statements::add_incident, "INSERT INTO incidents (client, start, until, json) VALUES (?1, ?2, ?3, ?4)"},
      {&Statements::add_sample, add_sample},
      {&Statements::add_presence, "INSERT OR IGNORE INTO presence (start, until) VALUES (?1, ?2)"},
  };
  for (const auto& [statement, sql] : texts) {
    auto prepared = database->prepare(sql);
    if (!prepared) return fail(prepared.error());
    statements.*statement = std::move(*prepared);
  }
  auto importer = std::make_unique<Importer>(std::move(*store), std::move(*database), std::move(statements));
  if (auto done = importer->load_changes(); !done) return fail(done.error());
  if (auto done = importer->roll_up(); !done) return fail(done.error());
  return std::unique_ptr<HistoryImport>(std::move(importer));
}

}  // namespace vpn_sentinel
