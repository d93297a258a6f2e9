// Durable reports per second through the hub's engine, and how long a sender waits, beside a plain file that is appended to and flushed
// (fdatasync) in the same manner: everything that waits goes together.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "hub/engine/engine.hpp"
#include "hub/store/store.hpp"
#include "netns/base/bounded_queue.hpp"
#include "netns/base/fd.hpp"

namespace {

using namespace vpn_sentinel;

constexpr std::size_t clients = 1'000;
constexpr std::size_t log_bytes_per_report = 700;

struct Outcome {
  double per_second = 0;
  std::vector<double> waits_ms;  ///< sorted
  double cpu_per_100k = 0;
};

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

/// `send` gets a number and what to call when it is durable; `waiting` of them are under way at any time.
Outcome measure(std::size_t waiting, std::chrono::duration<double> length,
                const std::function<void(std::uint64_t, std::function<void()>)>& send) {
  std::mutex mutex;
  std::condition_variable ready;
  std::vector<MonoTime> done;
  std::uint64_t number = 0;
  const auto send_one = [&] {
    const auto begun = mono_now();
    send(number++, [&, begun] {
      {
        const std::lock_guard lock(mutex);
        done.push_back(begun);
      }
      ready.notify_one();
    });
  };
  Outcome outcome;
  const auto begun = mono_now();
  const auto cpu = cpu_seconds();
  for (std::size_t i = 0; i < waiting; ++i) send_one();
  std::size_t under_way = waiting;
  while (under_way > 0) {
    std::vector<MonoTime> answered;
    {
      std::unique_lock lock(mutex);
      ready.wait(lock, [&] { return !done.empty(); });
      answered.swap(done);
    }
    const auto now = mono_now();
    const bool over = now - begun > length;
    for (const auto since : answered) {
      outcome.waits_ms.push_back(std::chrono::duration<double, std::milli>(now - since).count());
      if (over) --under_way;
      if (!over) send_one();
    }
  }
  const auto count = static_cast<double>(outcome.waits_ms.size());
  outcome.per_second = count / std::chrono::duration<double>(mono_now() - begun).count();
  outcome.cpu_per_100k = (cpu_seconds() - cpu) / count * 1e5;
  std::sort(outcome.waits_ms.begin(), outcome.waits_ms.end());
  return outcome;
}

void print(const char* what, const Outcome& outcome, double ratio) {
  const auto& waits = outcome.waits_ms;
  fmt::print("{:<28} {:>9.0f}/s  p50 {:>6.2f} ms  p99 {:>6.2f} ms  p99.9 {:>6.2f} ms  max {:>6.1f} ms  {:.2f} CPU-s/100k  ratio {:.2f}\n",
             what, outcome.per_second, waits[waits.size() / 2], waits[waits.size() * 99 / 100], waits[waits.size() * 999 / 1000],
             waits.back(), outcome.cpu_per_100k, ratio);
}

/// Appends what waits, flushes, answers: what a store of its own would have to beat.
Outcome measure_log(const std::string& file, std::size_t waiting, std::chrono::duration<double> length) {
  const Fd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  BoundedQueue<std::function<void()>> queue(waiting + 1);
  std::thread writer([&] {
    for (auto batch = queue.take_all(); !batch.empty(); batch = queue.take_all()) {
      const std::string bytes(batch.size() * log_bytes_per_report, 'x');
      if (write(fd.get(), bytes.data(), bytes.size()) < 0 || fdatasync(fd.get()) != 0) std::abort();
      for (const auto& answer : batch) answer();
    }
  });
  auto outcome = measure(waiting, length, [&](std::uint64_t, std::function<void()> answer) { queue.try_push(std::move(answer)); });
  queue.close();
  writer.join();
  return outcome;
}

Admitted report(std::uint64_t number) {
  Admitted admitted;
  admitted.received = wall_now();
  admitted.source_address = "192.0.2.7";
  auto& report = admitted.report;
  report.client_id = fmt::format("client-{}", number % clients);
  report.boot_id = "6f1c2f0e-0d5b-4d5c-9d6c-1f2e3d4c5b6a";
  report.seq = number / clients + 1;
  report.timestamp = report.sent_at = admitted.received;
  report.client_version = "1.0.0";
  report.lease_s = 90;
  report.path = "tunnel";
  report.trigger = "interval";
  report.public_ip = "198.51.100.2";
  report.location = LocationReport{"RO", "Bucharest", "Bucuresti", "AS64500 Example", "Europe/Bucharest"};
  report.state = State::secure;
  report.tunnel = TunnelReport{"wg0", "wireguard", true, admitted.received, 123'456'789, 987'654, 12};
  report.exit = ExitReport{"198.51.100.2", std::nullopt, 64500, "RO", "cloudflare-trace"};
  report.dns = DnsReport{"no_leak", "EGRESS_IS_EXIT", {"198.51.100.2"}};
  report.latency_ms = 23.1;
  return admitted;
}

Outcome measure_engine(const std::string& file, std::size_t waiting, std::chrono::duration<double> length) {
  auto store = open_sqlite_store(file);
  if (!store) throw std::runtime_error(store.error().message);
  auto engine = Engine::start(std::move(*store), {}, {}, {});
  if (!engine) throw std::runtime_error(engine.error().message);
  // Every client is known before the time counts.
  measure(1'000, std::chrono::duration<double>(0.3), [&](std::uint64_t number, std::function<void()> answer) {
    if (!(*engine)->submit(report(number), [answer = std::move(answer)](SubmitResult) { answer(); })) std::abort();
  });
  return measure(waiting, length, [&](std::uint64_t number, std::function<void()> answer) {
    const auto done = [answer = std::move(answer)](SubmitResult result) {
      if (result != SubmitResult::stored) std::abort();
      answer();
    };
    if (!(*engine)->submit(report(number + 100'000'000), done)) std::abort();
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Durable reports per second, beside a flushed file"};
  double seconds = 3;
  std::string parent = std::filesystem::temp_directory_path();
  app.add_option("--seconds", seconds, "Length of each measurement")->check(CLI::Range(0.1, 600.0));
  app.add_option("--directory", parent, "Where the files are made: on the disk to be measured");
  CLI11_PARSE(app, argc, argv);
  auto folder = parent + "/bench-durable-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  for (const std::size_t waiting : {64U, 512U}) {
    const std::chrono::duration<double> length(seconds);
    const auto log = measure_log(folder + "/log", waiting, length);
    const auto engine = measure_engine(fmt::format("{}/hub-{}.db", folder, waiting), waiting, length);
    print(fmt::format("flushed file, {} waiting", waiting).c_str(), log, 1.0);
    print(fmt::format("engine, {} waiting", waiting).c_str(), engine, engine.per_second / log.per_second);
  }
  std::filesystem::remove_all(folder);
  return 0;
}
