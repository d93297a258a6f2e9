/// N virtual probes against a hub on this machine: for benches, and for proofs that need somebody who reports.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "netns/base/fatal_error.hpp"
#include "tests/bench/simulate/load.hpp"

namespace {

using namespace vpn_sentinel;

constexpr int exit_usage = 64;
constexpr std::string_view scheme = "http://";

/// The load is meant for a hub on this machine and must not be pointed at anybody else's by a slip.
void read_url(std::string_view url, LoadOptions& options) {
  const bool plain = url.starts_with(scheme);
  if (plain) url.remove_prefix(scheme.size());
  const auto slash = std::min(url.find('/'), url.size());
  const auto endpoint = Endpoint::parse(url.substr(0, slash), 5000);
  if (!plain || !endpoint || !endpoint->address.is_loopback()) {
    throw FatalError(exit_usage, "--url: expected http://127.0.0.1:PORT or http://[::1]:PORT, with a path if it is not /api/v1");
  }
  options.hub = *endpoint;
  if (slash < url.size()) options.prefix = url.substr(slash);
}

nlohmann::json to_json(const LoadResult& result) {
  auto statuses = nlohmann::json::object();
  for (const auto& [status, count] : result.statuses) statuses[std::to_string(status)] = count;
  return {{"seconds", result.seconds},
          {"answers", result.answers()},
          {"per_second", static_cast<double>(result.latency.count()) / result.seconds},
          {"p50_us", result.latency.percentile(0.5)},
          {"p99_us", result.latency.percentile(0.99)},
          {"max_us", result.latency.max()},
          {"statuses", std::move(statuses)},
          {"lost", result.lost},
          {"refused", result.refused},
          {"unanswered", result.unanswered},
          {"answer_bytes", result.answer_bytes}};
}

void print(const LoadResult& result) {
  fmt::print("{} answers in {:.2f} s: {:.0f} taken per second\n", result.answers(), result.seconds,
             static_cast<double>(result.latency.count()) / result.seconds);
  fmt::print("acknowledged after: p50 {} µs, p99 {} µs, max {} µs\n", result.latency.percentile(0.5), result.latency.percentile(0.99),
             result.latency.max());
  for (const auto& [status, count] : result.statuses) fmt::print("status {}: {}\n", status, count);
  fmt::print("connections lost {}, refused {}; requests unanswered {}\n", result.lost, result.refused, result.unanswered);
}

}  // namespace

int main(int argc, char** argv) {
  LoadOptions options;
  std::string url = "http://127.0.0.1:5000/api/v1";
  double seconds = 10;
  double patience = 30;
  bool as_json = false;
  CLI::App app{"N virtual probes that report to a hub on this machine"};
  app.add_option("--url", url, "API of the hub, on a loopback address")->capture_default_str();
  app.add_option("--key", options.key, "Sent as X-API-Key")->envname("VPN_SENTINEL_API_KEY");
  app.add_option("--get", options.get, "Read this path again and again instead of reporting");
  app.add_option("--client-prefix", options.client_prefix, "Client ids are PREFIX-000000, …")->capture_default_str();
  app.add_option("--boot", options.boot, "Beginning of the boot ids, to go on where another run ended; empty: random");
  app.add_option("--first", options.first, "Number of each probe's first report")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62))
      ->capture_default_str();
  app.add_option("--probes", options.probes, "Virtual probes")->check(CLI::Range(1U, 1'000'000U))->capture_default_str();
  app.add_option("--connections", options.connections, "Connections, kept alive")->check(CLI::Range(1U, 100'000U))->capture_default_str();
  app.add_option("--sources", options.sources, "Loopback addresses that the connections come from")
      ->check(CLI::Range(1U, 60'000U))
      ->capture_default_str();
  app.add_option("--requests", options.requests, "End after so many answers; 0: no limit")->capture_default_str();
  app.add_option("--seconds", seconds, "End after this time")->check(CLI::Range(0.01, 86'400.0))->capture_default_str();
  app.add_option("--patience", patience, "Seconds for one answer")->check(CLI::Range(0.01, 3600.0))->capture_default_str();
  app.add_option("--rate", options.rate, "Requests per second; 0: each connection asks again when it is answered")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  const auto share = CLI::Range(0.0, 1.0);
  app.add_option("--changes", options.mix.changes, "Share of reports that change the state")->check(share)->capture_default_str();
  app.add_option("--findings", options.mix.findings, "Share with a warning")->check(share)->capture_default_str();
  app.add_option("--duplicates", options.mix.duplicates, "Share that is sent again although acknowledged")
      ->check(share)
      ->capture_default_str();
  app.add_option("--late", options.mix.late, "Share that comes after the next one, a minute old")->check(share)->capture_default_str();
  app.add_option("--record", options.record, "Append \"client boot seq CLOCK_MONOTONIC-ns\" for each acknowledged report to this file");
  app.add_flag("--json", as_json, "Print one JSON object");
  CLI11_PARSE(app, argc, argv);
  const auto to_time = [](double value) { return std::chrono::milliseconds(static_cast<long>(value * 1000)); };
  options.time = to_time(seconds);
  options.patience = to_time(patience);
  try {
    read_url(url, options);
    const auto result = run_load(options);
    if (as_json) {
      fmt::print("{}\n", to_json(result).dump());
    } else {
      print(result);
    }
  } catch (const FatalError& error) {
    fmt::print(stderr, "vpn-sentinel-simulate: {}\n", error.what());
    return error.exit_code();
  }
  return 0;
}
