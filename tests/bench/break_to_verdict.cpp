/// From just before a breaking system call to the verdict "danger", beside the first line of `ip -ts monitor` in the same run.
///
/// Each break is measured three times over, in turns: both listening, as when somebody compares by hand; only the product; only ip. The
/// first tells what two listeners cost each other (on two CPUs the breaking program and both of them do not fit), the others compare.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "netns/base/fatal_error.hpp"
#include "tests/bench/ip_monitor.hpp"
#include "tests/bench/protected_network.hpp"
#include "tests/bench/watch_thread.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// Longer than the watch's third look, which comes 21 ms after the last message.
constexpr auto quiet_time = 30ms;
/// After holding one of the listeners, so that all rounds begin with idle CPUs.
constexpr auto breather = 5ms;
constexpr auto break_patience = 10s;
constexpr auto mend_patience = 30s;
/// After so many the rest of the rounds would only wait.
constexpr int most_misses = 3;
constexpr int exit_failed = 70;

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto deadline = mono_now() + patience;
  while (!condition()) {
    if (mono_now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// Microseconds.
class Samples {
 public:
  void add(MonoTime from, std::optional<MonoTime> to) {
    if (to) values_.push_back(std::chrono::duration<double, std::micro>(*to - from).count());
  }
  /// Nearest rank; not a number without samples.
  [[nodiscard]] double percentile(double part) const {
    if (values_.empty()) return std::nan("");
    auto sorted = values_;
    std::ranges::sort(sorted);
    const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(rank, 1) - 1];
  }

 private:
  std::vector<double> values_;
};

enum class Listeners { both, product, ip };

struct Times {
  Samples heard;
  Samples verdict;
  Samples line;
};

struct Row {
  std::string_view name;
  Times together;
  Times alone;
  int missed = 0;  ///< rounds without a verdict
};

class Bench {
 public:
  Bench() {
    const bool listening = wait_until(
        [this] {
          ProtectedNetwork::stir();
          return monitor_.lines().last().has_value();
        },
        mend_patience);
    if (!listening) throw FatalError(exit_failed, "ip -ts monitor prints nothing");
  }

  Row run(const ProtectedNetwork::Break& kind, int count) {
    Row row;
    row.name = kind.name;
    for (int round = 0; round < count && row.missed < most_misses; ++round) {
      row.missed += one_round(kind, Listeners::both, row.together) ? 0 : 1;
      row.missed += one_round(kind, Listeners::product, row.alone) ? 0 : 1;
      one_round(kind, Listeners::ip, row.alone);
    }
    return row;
  }

 private:
  /// False when the product should have told danger and did not.
  bool one_round(const ProtectedNetwork::Break& kind, Listeners listeners, Times& times) {
    wait_for_quiet();
    if (listeners == Listeners::product) monitor_.hold();
    if (listeners == Listeners::ip) watch_.hold();
    std::this_thread::sleep_for(breather);
    const auto broken = network_.do_break(kind);
    const auto verdict = [&] { return listeners == Listeners::ip ? std::nullopt : watch_.dangers().first_after(broken); };
    const auto line = [&] { return listeners == Listeners::product ? std::nullopt : monitor_.lines().first_after(broken); };
    wait_until([&] { return (verdict() || listeners == Listeners::ip) && (line() || listeners == Listeners::product); }, break_patience);
    times.verdict.add(broken, verdict());
    times.line.add(broken, line());
    if (verdict()) times.heard.add(broken, watch_.heard().first_after(broken));
    const bool detected = listeners == Listeners::ip || verdict();
    monitor_.release();
    watch_.release();
    network_.mend(kind);
    return detected;
  }

  void wait_for_quiet() {
    const bool quiet = wait_until(
        [this] {
          const auto last = monitor_.lines().last();
          return watch_.secure() && last && mono_now() - *last > quiet_time;
        },
        mend_patience);
    if (!quiet) throw FatalError(exit_failed, "the mended network is not judged secure");
  }

  ProtectedNetwork network_;
  IpMonitor monitor_;
  WatchThread watch_;
};

std::string machine() {
  utsname names{};
  ::uname(&names);
  std::string load;
  std::ifstream file("/proc/loadavg");
  std::getline(file, load);
  return fmt::format("{} {}, {} CPUs, load {}", names.sysname, names.release, std::thread::hardware_concurrency(), load);
}

void print_table(std::string_view title, const std::vector<Row>& rows, Times Row::*which) {
  fmt::print("\n{:<34}{:>14}{:>20}{:>26}{:>12}\n", title, "read p50 µs", "verdict p50 / p99", "ip -ts monitor p50 / p99", "ratio p50");
  for (const auto& row : rows) {
    const auto& [heard, verdict, line] = row.*which;
    fmt::print("{:<34}{:>13.0f}{:>11.0f} / {:>6.0f}{:>17.0f} / {:>6.0f}{:>12.2f}\n", row.name, heard.percentile(0.5),
               verdict.percentile(0.5), verdict.percentile(0.99), line.percentile(0.5), line.percentile(0.99),
               verdict.percentile(0.5) / line.percentile(0.5));
  }
}

int run(int count) {
  ProtectedNetwork::enter();
  fmt::print("machine: {}\nrounds of each break: {}\n", machine(), count);
  std::fflush(stdout);
  Bench bench;
  std::vector<Row> rows;
  for (const auto& kind : ProtectedNetwork::breaks()) rows.push_back(bench.run(kind, count));
  print_table("each alone", rows, &Row::alone);
  print_table("side by side", rows, &Row::together);
  int missed = 0;
  for (const auto& row : rows) {
    if (row.missed > 0) fmt::print("NOT DETECTED: {}, {} times\n", row.name, row.missed);
    missed += row.missed;
  }
  return missed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vpn_sentinel

int main(int argc, char** argv) {
  int count = 100;
  CLI::App app{"From a break to the verdict, beside `ip -ts monitor`, in a network namespace of its own"};
  app.add_option("--count", count, "Rounds of each kind of break")->check(CLI::Range(1, 10'000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return vpn_sentinel::run(count);
  } catch (const vpn_sentinel::FatalError& error) {
    const bool skipped = error.exit_code() == vpn_sentinel::ProtectedNetwork::no_root;
    fmt::print(stderr, "{}: {}\n", skipped ? "SKIPPED" : "bench_break_to_verdict", error.what());
    return error.exit_code();
  }
}
