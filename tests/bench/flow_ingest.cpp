// Rows of flow batches per second through all that the hub does with them (unpacking, reading, adding up, SQLite with minutes, hours and
// days), beside as many plain inserts of the same rows into one SQLite table with the same settings.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "hub/engine/flow_engine.hpp"
#include "hub/store/flow_kinds.hpp"
#include "hub/store/sqlite.hpp"
#include "netns/base/random.hpp"
#include "probe/report/gzip.hpp"

namespace {

using namespace vpn_sentinel;

struct Shape {
  std::size_t clients = 100;
  std::size_t rows = 200;    ///< of a batch
  std::size_t batches = 20;  ///< of a client
  int fresh = 10;            ///< percent of the rows of a batch that were in no batch before
};

FlowRow row_of(std::size_t client, std::size_t number, WallTime when) {
  FlowRow row;
  row.program = fmt::format("program-{}", number % 17);
  row.uid = 1000;
  row.protocol = number % 3 == 0 ? "udp" : "tcp";
  row.destination = fmt::format("198.{}.{}.{}", 18 + client % 2, number / 250 % 250, number % 250);
  row.port = static_cast<std::uint16_t>(443 + number % 5);
  row.country = number % 2 == 0 ? "NL" : "US";
  row.interface = "wg0";
  row.way = number % 50 == 0 ? "outside" : "tunnel";
  row.bytes_out = 1200 + number;
  row.bytes_in = 54'000 + number;
  row.open = 1;
  row.first = when - std::chrono::seconds{9};
  row.last = when;
  return row;
}

std::vector<FlowBatch> batches_of(const Shape& shape, WallTime start) {
  std::vector<FlowBatch> batches;
  for (std::size_t seq = 1; seq <= shape.batches; ++seq) {
    const auto when = start + std::chrono::seconds{10 * seq};
    for (std::size_t client = 0; client < shape.clients; ++client) {
      FlowBatch batch;
      batch.client_id = fmt::format("client-{}", client);
      batch.boot_id = "6f1c2f0e";
      batch.seq = seq;
      batch.timestamp = when;
      batch.interval_s = 10;
      batch.sources = {"sock_diag"};
      const auto fresh = seq * shape.rows * static_cast<std::size_t>(shape.fresh) / 100;
      for (std::size_t i = 0; i < shape.rows; ++i) batch.flows.push_back(row_of(client, fresh + i, when));
      batches.push_back(std::move(batch));
    }
  }
  return batches;
}

double seconds_since(MonoTime begun) { return std::chrono::duration<double>(mono_now() - begun).count(); }

/// Until all is in the file.
double measure_hub(const std::string& file, const std::vector<std::string>& bodies, std::size_t& taken) {
  auto store = open_sqlite_flow_store(file);
  if (!store) throw std::runtime_error(store.error().message);
  auto engine = FlowEngine::start(std::move(*store));
  if (!engine) throw std::runtime_error(engine.error().message);
  const auto begun = mono_now();
  std::atomic<std::size_t> answered{0};
  for (const auto& body : bodies) {
    auto admitted = admit_flows(body, "gzip", wall_now());
    if (!admitted) throw std::runtime_error(admitted.error().message);
    // A probe that is told that too much waits tries again.
    while (!(*engine)->submit(*admitted, [&answered](FlowResult) { ++answered; })) std::this_thread::yield();
  }
  while (answered < bodies.size()) std::this_thread::yield();
  taken = (*engine)->taken_rows();
  engine->reset();
  return seconds_since(begun);
}

double measure_inserts(const std::string& file, const std::vector<FlowBatch>& batches) {
  auto database = Database::open(file);
  if (!database) throw std::runtime_error(database.error().message);
  const auto made = database->execute(
      "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -24576;"
      "CREATE TABLE flows (client TEXT, time INTEGER, program TEXT, uid INTEGER, protocol TEXT, destination TEXT, port INTEGER, country "
      "TEXT, "
      "interface TEXT, way TEXT, bytes_out INTEGER, bytes_in INTEGER, first INTEGER, last INTEGER)");
  if (!made) throw std::runtime_error(made.error().message);
  auto insert = database->prepare("INSERT INTO flows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)").value();
  const auto number = [](WallTime time) { return static_cast<std::int64_t>(time.time_since_epoch().count()); };
  const auto begun = mono_now();
  for (std::size_t i = 0; i < batches.size(); i += 100) {
    if (!database->execute("BEGIN")) throw std::runtime_error("BEGIN");
    for (std::size_t j = i; j < std::min(i + 100, batches.size()); ++j) {
      for (const auto& row : batches[j].flows) {
        const auto done = insert.run(batches[j].client_id, number(batches[j].timestamp), row.program, std::int64_t{*row.uid}, row.protocol,
                                     row.destination, std::int64_t{*row.port}, row.country, row.interface, row.way,
                                     static_cast<std::int64_t>(*row.bytes_out), static_cast<std::int64_t>(*row.bytes_in), number(row.first),
                                     number(row.last));
        if (!done) throw std::runtime_error(done.error().message);
      }
    }
    if (!database->execute("COMMIT")) throw std::runtime_error("COMMIT");
  }
  return seconds_since(begun);
}

int run(const Shape& shape) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("bench_flow_ingest.{}", random_hex(8));
  std::filesystem::create_directory(folder);
  const auto batches = batches_of(shape, wall_now() - std::chrono::hours{1});
  std::vector<std::string> bodies;
  for (const auto& batch : batches) bodies.push_back(gzipped(encode(batch).dump()));
  std::size_t taken = 0;
  const auto hub = measure_hub(folder / "flows.db", bodies, taken);
  const auto inserts = measure_inserts(folder / "inserts.db", batches);
  const auto rows = static_cast<double>(shape.clients * shape.rows * shape.batches);
  fmt::print("{:.0f} rows of {} batches, {} % of them new kinds each time, {:.0f} bytes a row as sent\n", rows, batches.size(), shape.fresh,
             static_cast<double>(bodies.front().size()) / static_cast<double>(shape.rows));
  fmt::print("hub, from gzip to minutes, hours, days {:>9.0f} rows/s\n", rows / hub);
  fmt::print("plain inserts into SQLite              {:>9.0f} rows/s   ratio {:.2f}\n", rows / inserts, inserts / hub);
  std::filesystem::remove_all(folder);
  return static_cast<double>(taken) == rows ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Rows of flows per second through the hub, beside plain inserts");
  Shape shape;
  app.add_option("--clients", shape.clients);
  app.add_option("--rows", shape.rows);
  app.add_option("--batches", shape.batches);
  app.add_option("--fresh", shape.fresh);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(shape);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_flow_ingest: {}\n", error.what());
    return 1;
  }
}
