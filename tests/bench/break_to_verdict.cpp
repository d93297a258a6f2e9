/// From just before a breaking system call to the verdict "danger", beside the first line of `ip -ts monitor` in the same rounds.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "netns/base/fatal_error.hpp"
#include "probe/watch/target_watch.hpp"
#include "tests/bench/ip_monitor.hpp"
#include "tests/bench/protected_network.hpp"
#include "tests/bench/timeline.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// Longer than the watch's third look, which comes 21 ms after the last message.
constexpr auto quiet_time = 30ms;
constexpr auto break_patience = 10s;
constexpr auto mend_patience = 30s;
/// After so many the rest of the rounds would only wait.
constexpr int most_misses = 3;

/// The product's own watch on a loop of its own, as the daemon runs it.
class WatchThread {
 public:
  WatchThread() : thread_([this] { run(); }) {}
  WatchThread(const WatchThread&) = delete;
  WatchThread& operator=(const WatchThread&) = delete;
  ~WatchThread() {
    io_.stop();
    thread_.join();
  }

  [[nodiscard]] bool secure() const noexcept { return state_.load() == State::secure; }
  /// When "danger" was told.
  [[nodiscard]] const Timeline& dangers() const noexcept { return dangers_; }
  /// When the first message of each bad burst was read.
  [[nodiscard]] const Timeline& heard() const noexcept { return heard_; }

 private:
  void run() {
    HttpClient http(io_);
    DnsClient dns(io_);
    TargetPolicy policy;
    policy.client_id = "bench";
    policy.tunnels = {ProtectedNetwork::tunnel};
    policy.offline = true;
    TargetWatch watch(io_, http, dns, policy, [this](const TargetWatch& told, const TargetWatch::Update& update) {
      const auto now = mono_now();
      const auto state = told.verdict().state;
      if (state == State::danger) {
        dangers_.note(now);
        heard_.note(update.noticed);
      }
      state_ = state;
    });
    watch.start();
    io_.run();
  }

  boost::asio::io_context io_{1};
  Timeline dangers_;
  Timeline heard_;
  std::atomic<State> state_{State::offline};
  std::thread thread_;  ///< last: it uses all others
};

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto deadline = mono_now() + patience;
  while (!condition()) {
    if (mono_now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// Sorted samples in microseconds.
class Samples {
 public:
  void add(MonoTime from, MonoTime to) { values_.push_back(std::chrono::duration<double, std::micro>(to - from).count()); }
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

struct Row {
  Samples heard;
  Samples verdict;
  Samples line;
  int rounds = 0;
  int missed = 0;
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
    if (!listening) throw FatalError(70, "ip -ts monitor prints nothing");
  }

  Row run(const ProtectedNetwork::Break& kind, int count) {
    Row row;
    while (row.rounds < count && row.missed < most_misses) {
      wait_for_quiet();
      round(kind, row);
      network_.mend(kind);
    }
    return row;
  }

 private:
  void wait_for_quiet() {
    const bool quiet = wait_until(
        [this] {
          const auto last = monitor_.lines().last();
          return watch_.secure() && last && mono_now() - *last > quiet_time;
        },
        mend_patience);
    if (!quiet) throw FatalError(70, "the mended network is not judged secure");
  }

  void round(const ProtectedNetwork::Break& kind, Row& row) {
    ++row.rounds;
    const auto broken = network_.do_break(kind);
    const bool both =
        wait_until([&] { return watch_.dangers().first_after(broken).has_value() && monitor_.lines().first_after(broken).has_value(); },
                   break_patience);
    const auto verdict = watch_.dangers().first_after(broken);
    if (!verdict) {
      ++row.missed;
      return;
    }
    row.verdict.add(broken, *verdict);
    if (const auto heard = watch_.heard().first_after(broken)) row.heard.add(broken, *heard);
    if (both) row.line.add(broken, *monitor_.lines().first_after(broken));
  }

  ProtectedNetwork network_;
  IpMonitor monitor_;
  WatchThread watch_;
};

std::string machine() {
  utsname names{};
  ::uname(&names);
  std::string load;
  std::getline(std::ifstream("/proc/loadavg"), load);
  return fmt::format("{} {}, {} CPUs, load {}", names.sysname, names.release, std::thread::hardware_concurrency(), load);
}

int run(int count) {
  ProtectedNetwork::enter();
  fmt::print("machine: {}\n", machine());
  Bench bench;
  fmt::print("{:<22}{:>7}{:>16}{:>20}{:>26}{:>12}\n", "break", "rounds", "read p50 µs", "verdict p50 / p99", "ip -ts monitor p50 / p99",
             "ratio p50");
  int missed = 0;
  for (const auto& kind : ProtectedNetwork::breaks()) {
    const auto row = bench.run(kind, count);
    missed += row.missed;
    fmt::print("{:<22}{:>7}{:>15.0f}{:>11.0f} / {:>6.0f}{:>17.0f} / {:>6.0f}{:>12.2f}{}\n", kind.name, row.rounds,
               row.heard.percentile(0.5), row.verdict.percentile(0.5), row.verdict.percentile(0.99), row.line.percentile(0.5),
               row.line.percentile(0.99), row.verdict.percentile(0.5) / row.line.percentile(0.5),
               row.missed > 0 ? fmt::format("   not detected: {}", row.missed) : "");
    std::fflush(stdout);
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
