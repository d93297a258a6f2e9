#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hub/store/flow_kinds.hpp"
#include "hub/store/flow_store.hpp"
#include "hub/store/roll_up.hpp"
#include "hub/store/sqlite.hpp"
#include "hub/store/sqlite_file.hpp"
#include "hub/store/sqlite_flow_reader.hpp"
#include "hub/store/sqlite_flow_removal.hpp"
#include "hub/store/stored_time.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::microseconds;

/// Starts of probes that are remembered at all: whoever may report can name as many as he likes.
constexpr std::size_t most_flow_boots = 100'000;

template <typename T>
std::int64_t or_absent(const std::optional<T>& number) {
  return number ? std::int64_t{*number} : std::int64_t{-1};
}

/// Losing the last commits at a power failure is allowed here, a damaged file is not (sqlite.org/pragma.html, synchronous).
constexpr auto flow_settings = "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 2000; PRAGMA cache_size = -24576";

struct Statements {
  Statement begin, commit, find_client, add_client, find_kind, add_kind, add_sample, add_gap, load_boots, save_boot;
};

constexpr std::pair<Statement Statements::*, std::string_view> flow_statement_texts[] = {
    {&Statements::begin, "BEGIN IMMEDIATE"},
    {&Statements::commit, "COMMIT"},
    {&Statements::find_client, "SELECT id FROM flow_clients WHERE client_id = ?1"},
    {&Statements::add_client, "INSERT INTO flow_clients (client_id) VALUES (?1)"},
    {&Statements::find_kind,
     "SELECT id FROM flow_kinds WHERE key = ?1 AND client = ?2 AND incoming = ?3 AND listener = ?4 AND program = ?5 AND uid = ?6 AND "
     "container = ?7 AND protocol = ?8 AND destination = ?9 AND port = ?10 AND country = ?11 AND asn = ?12 AND organisation = ?13 AND "
     "interface = ?14 AND way = ?15 AND folded = ?16"},
    {&Statements::add_kind,
     "INSERT INTO flow_kinds (key, client, incoming, listener, program, uid, container, protocol, destination, port, country, asn, "
     "organisation, interface, way, folded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"},
    // Sums stop at a number that leaves room for the next one.
    {&Statements::add_sample,
     "INSERT INTO flow_samples VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
     "ON CONFLICT (resolution, start, kind) DO UPDATE SET entries = entries + excluded.entries, counted = counted + excluded.counted, "
     "bytes_out = min(bytes_out + excluded.bytes_out, 2305843009213693952), "
     "bytes_in = min(bytes_in + excluded.bytes_in, 2305843009213693952), packets_counted = packets_counted + excluded.packets_counted, "
     "packets_out = min(packets_out + excluded.packets_out, 2305843009213693952), "
     "packets_in = min(packets_in + excluded.packets_in, 2305843009213693952), "
     "opened = min(opened + excluded.opened, 2305843009213693952), closed = min(closed + excluded.closed, 2305843009213693952), "
     "folded = max(folded, excluded.folded), first = min(first, excluded.first), last = max(last, excluded.last)"},
    {&Statements::add_gap,
     "INSERT INTO flow_gaps VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (resolution, start, client) DO UPDATE SET "
     "folded = min(folded + excluded.folded, 2305843009213693952), lost = min(lost + excluded.lost, 2305843009213693952), "
     "batches = min(batches + excluded.batches, 2305843009213693952)"},
    {&Statements::load_boots,
     "SELECT (SELECT client_id FROM flow_clients WHERE id = client), boot_id, seq FROM flow_boots ORDER BY received DESC LIMIT ?1"},
    {&Statements::save_boot,
     "INSERT INTO flow_boots VALUES (?1, ?2, ?3, ?4) ON CONFLICT (client, boot_id) DO UPDATE SET seq = excluded.seq, "
     "received = excluded.received"},
};

/// Where there is no room for another kind: the way and the protocol, as probes fold.
FlowRow folded(const FlowRow& row) {
  auto rest = row;
  for (auto* text :
       {&rest.listener, &rest.program, &rest.container, &rest.destination, &rest.country, &rest.organisation, &rest.interface}) {
    text->clear();
  }
  rest.uid.reset();
  rest.port.reset();
  rest.asn.reset();
  rest.folded = 1;
  return rest;
}

class SqliteFlowStore final : public FlowStore {
 public:
  SqliteFlowStore(std::string file, DatabaseFile opened, Statements statements, FlowRemoval removal)
      : claim_(std::move(opened.claim)),
        file_(std::move(file)),
        database_(std::move(opened.database)),
        sql_(std::move(statements)),
        removal_(std::move(removal)) {}

  Result<void> load() {
    return sql_.load_boots.query(
        [this](const Statement& row) {
          boots_[{std::string(row.text(0)), std::string(row.text(1))}] = {row.integer(2), 0, false, 0};
        },
        static_cast<std::int64_t>(most_flow_boots));
  }

  Result<bool> add(const FlowBatch& batch, WallTime received) override {
    if (rows_ + batch.flows.size() > most_waiting) return fail(Error::Kind::overrun, "too many flows wait to be written");
    auto& boot = boots_[{batch.client_id, batch.boot_id}];
    const auto seq = static_cast<std::int64_t>(batch.seq);
    if (seq <= boot.seq) return false;
    auto missing = batch.gaps;
    missing.batches = missing_batches(boot, seq, missing.batches);
    boot.seq = seq;
    boot.received = number_of(received);
    boot.dirty = true;
    // Until the client has a number in the file, it has one here.
    const auto [client, is_new] = clients_.try_emplace(batch.client_id, static_cast<std::int64_t>(clients_.size()));
    if (is_new) names_.push_back(batch.client_id);
    for (const auto& row : batch.flows) {
      const bool folds = crowded_ && row.folded == 0;
      kinds_.add(folds ? folded(row) : row, client->second);
      missing.folded += folds ? 1 : 0;
    }
    rows_ += batch.flows.size();
    if (missing != FlowGaps{}) add_gaps(start_of(batch.timestamp, Resolution::minute), client->second, missing);
    anything_ = true;
    return true;
  }

  std::size_t waiting() const override { return rows_; }

  Result<void> write() override {
    if (!anything_) return {};
    auto done = in_transaction([this] { return write_all(); });
    if (!done) {
      forget_numbers();
      return done;
    }
    kinds_.written();
    gaps_.clear();
    for (auto& [key, boot] : boots_) boot.dirty = false;
    rows_ = 0;
    anything_ = false;
    if (clients_.size() > most_flow_boots) forget_clients();
    return {};
  }

  Result<bool> maintain(const FlowRetention& retention) override {
    FlowRemoval::Removed removed;
    auto done = in_transaction([&]() -> Result<void> {
      auto slice = removal_.remove(database_, retention);
      if (!slice) return fail(slice.error());
      removed = std::move(*slice);
      return {};
    });
    if (!done) return fail(done.error());
    // What waits may mean kinds and clients by numbers that are gone.
    if (!removed.kinds.empty()) kinds_.forget_ids(removed.kinds);
    if (removed.clients) stored_clients_.clear();
    if (removed.boots || boots_.size() > most_flow_boots) forget_boots();
    crowded_ = removed.crowded;
    return removed.more;
  }

  Result<std::unique_ptr<FlowReader>> open_reader() override { return open_sqlite_flow_reader(file_); }

 private:
  struct Boot {
    std::int64_t seq = 0;
    std::int64_t received = 0;
    bool dirty = false;
    std::uint64_t untold = 0;  ///< batches whose numbers were left out, of which the probe did not tell yet
  };

  /// A number that is left out is a batch that is missing here: lost with a crash of either side, or given up by the probe. It tells of
  /// those itself, with this batch or a later one, and they count once. Of a boot that is not known nothing is missing: it may have begun
  /// elsewhere.
  static std::uint64_t missing_batches(Boot& boot, std::int64_t seq, std::uint64_t told) {
    const auto jumped = boot.seq > 0 ? static_cast<std::uint64_t>(seq - boot.seq - 1) : 0;
    boot.untold += jumped;
    const auto known = std::min(boot.untold, told);
    boot.untold -= known;
    return jumped + told - known;
  }

  void add_gaps(WallTime minute, std::int64_t client, const FlowGaps& missing) {
    auto& gaps = gaps_[{minute, client}];
    gaps.folded = std::min(gaps.folded + missing.folded, most_flow_number);
    gaps.lost = std::min(gaps.lost + missing.lost, most_flow_number);
    gaps.batches = std::min(gaps.batches + missing.batches, most_flow_number);
  }

  template <typename Work>
  Result<void> in_transaction(Work work) {
    auto done = sql_.begin.run();
    if (done) done = work();
    if (done) done = sql_.commit.run();
    if (!done && database_.in_transaction()) static_cast<void>(sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr));
    return done;
  }

  /// Numbers of clients and kinds in the file may have been given by a transaction that was taken back, or be gone.
  void forget_numbers() {
    stored_clients_.clear();
    kinds_.forget_ids();
  }

  /// Nothing waits that means them.
  void forget_clients() {
    kinds_ = {};
    clients_.clear();
    names_.clear();
    stored_clients_.clear();
  }

  Result<void> write_all() {
    for (const auto& [key, boot] : boots_) {
      if (!boot.dirty) continue;
      const auto client = client_number(key.first);
      if (!client) return fail(client.error());
      if (auto done = sql_.save_boot.run(*client, key.second, boot.seq, boot.received); !done) return done;
    }
    for (const auto& [key, kind] : kinds_.waiting()) {
      if (auto done = find_or_add(*key, *kind); !done) return done;
    }
    for (const auto resolution : resolutions) {
      if (auto done = write_samples(resolution); !done) return done;
      if (auto done = write_gaps(resolution); !done) return done;
    }
    return {};
  }

  /// In the file.
  Result<std::int64_t> client_number(const std::string& client_id) {
    if (const auto known = stored_clients_.find(client_id); known != stored_clients_.end()) return known->second;
    std::int64_t id = 0;
    auto done = sql_.find_client.query([&id](const Statement& row) { id = row.integer(0); }, client_id);
    if (done && id == 0) {
      done = sql_.add_client.run(client_id);
      id = sqlite3_last_insert_rowid(database_.handle());
    }
    if (!done) return fail(done.error());
    stored_clients_.emplace(client_id, id);
    return id;
  }

  Result<std::int64_t> client_number(std::int64_t here) { return client_number(names_.at(static_cast<std::size_t>(here))); }

  Result<void> find_or_add(const std::string& key, FlowKind& kind) {
    if (kind.id != 0) return {};
    const auto client = client_number(kind.client);
    if (!client) return fail(client.error());
    // The client's number in memory is another one after a restart, and no part of what is kept.
    const auto hash = flow_key_hash(fmt::format("{}{}", *client, std::string_view(key).substr(key.find('\0'))));
    const auto& texts = kind.texts;
    const auto with_texts = [&](Statement& statement, const auto& on_row) {
      return statement.query(on_row, hash, *client, std::int64_t{texts.incoming ? 1 : 0}, texts.listener, texts.program,
                             or_absent(texts.uid), texts.container, texts.protocol, texts.destination, or_absent(texts.port), texts.country,
                             or_absent(texts.asn), texts.organisation, texts.interface, texts.way, std::int64_t{texts.folded > 0 ? 1 : 0});
    };
    auto done = with_texts(sql_.find_kind, [&kind](const Statement& row) { kind.id = row.integer(0); });
    if (!done || kind.id != 0) return done;
    done = with_texts(sql_.add_kind, [](const Statement&) {});
    if (done) kind.id = sqlite3_last_insert_rowid(database_.handle());
    return done;
  }

  /// In the order of the table: neighbours share pages.
  Result<void> write_samples(Resolution resolution) {
    std::map<std::pair<std::int64_t, std::int64_t>, FlowNumbers> samples;
    for (const auto& [key, kind] : kinds_.waiting()) {
      for (const auto& [minute, numbers] : kind->minutes) {
        const auto [at, is_new] = samples.try_emplace({number_of(start_of(minute, resolution)), kind->id}, numbers);
        if (!is_new) merge(at->second, numbers);
      }
    }
    for (const auto& [place, numbers] : samples) {
      auto done = sql_.add_sample.run(number_of(resolution), place.first, place.second, numbers.rows, numbers.counted, numbers.bytes_out,
                                      numbers.bytes_in, numbers.packets_counted, numbers.packets_out, numbers.packets_in, numbers.opened,
                                      numbers.closed, numbers.folded, number_of(numbers.first), number_of(numbers.last));
      if (!done) return done;
    }
    return {};
  }

  Result<void> write_gaps(Resolution resolution) {
    for (const auto& [place, gaps] : gaps_) {
      const auto client = client_number(place.second);
      if (!client) return fail(client.error());
      auto done = sql_.add_gap.run(number_of(resolution), number_of(start_of(place.first, resolution)), *client,
                                   static_cast<std::int64_t>(gaps.folded), static_cast<std::int64_t>(gaps.lost),
                                   static_cast<std::int64_t>(gaps.batches));
      if (!done) return done;
    }
    return {};
  }

  /// Those that are in the file stay known; what waits to be written, too.
  void forget_boots() {
    std::map<std::pair<std::string, std::string>, Boot> kept;
    for (auto& [key, boot] : boots_) {
      if (boot.dirty) kept.emplace(key, boot);
    }
    boots_.swap(kept);
    // A read that fails here fails again at the next commit, and is told then.
    static_cast<void>(sql_.load_boots.query(
        [this](const Statement& row) {
          boots_.try_emplace({std::string(row.text(0)), std::string(row.text(1))}, Boot{row.integer(2), 0, false, 0});
        },
        static_cast<std::int64_t>(most_flow_boots)));
  }

  Fd claim_;  ///< outlives the database: closing any descriptor of the file would drop SQLite's own locks
  std::string file_;
  Database database_;
  Statements sql_;
  FlowRemoval removal_;
  FlowKinds kinds_;
  std::map<std::pair<WallTime, std::int64_t>, FlowGaps> gaps_;
  std::map<std::pair<std::string, std::string>, Boot> boots_;  ///< by client and boot
  std::unordered_map<std::string, std::int64_t> clients_;      ///< numbers in memory, places in names_
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::int64_t> stored_clients_;  ///< numbers in the file
  std::size_t rows_ = 0;
  bool anything_ = false;
  bool crowded_ = false;  ///< the file is too large, and nothing in it is old enough to go
};

}  // namespace

Result<std::unique_ptr<FlowStore>> open_sqlite_flow_store(const std::string& file) {
  auto opened = open_database_file(file, flow_schema());
  if (!opened) return fail(opened.error());
  if (auto done = opened->database.execute(flow_settings); !done) return fail(done.error());
  Statements statements;
  for (const auto& [statement, sql] : flow_statement_texts) {
    auto prepared = opened->database.prepare(sql);
    if (!prepared) return fail(prepared.error());
    statements.*statement = std::move(*prepared);
  }
  auto removal = FlowRemoval::prepare(opened->database);
  if (!removal) return fail(removal.error());
  auto store = std::make_unique<SqliteFlowStore>(file, std::move(*opened), std::move(statements), std::move(*removal));
  if (auto loaded = store->load(); !loaded) return fail(loaded.error());
  return store;
}

}  // namespace vpn_sentinel
