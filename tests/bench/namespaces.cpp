// Many namespaces in one process: memory, descriptors, time to open and cost of following them, beside `ip` in the same run.
#include <dirent.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "netns/base/clock.hpp"
#include "netns/base/fatal_error.hpp"
#include "probe/app/target_set.hpp"
#include "tests/bench/bare_opening.hpp"
#include "tests/bench/many_namespaces.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::nanoseconds;

double milliseconds(nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }

std::size_t open_files() {
  std::size_t count = 0;
  auto* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

nanoseconds processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) { return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec}; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

struct Use {
  std::size_t files = open_files();
  std::size_t heap = ::mallinfo2().uordblks;
  std::size_t resident = resident_bytes();
};

nanoseconds time_of(const std::string& command) {
  const auto begin = mono_now();
  if (std::system(command.c_str()) != 0) throw FatalError(70, command + " failed");
  return mono_now() - begin;
}

std::vector<TargetPolicy> policies_of(const ManyNamespaces& spaces, bool liveness) {
  std::vector<TargetPolicy> policies;
  for (const auto& name : spaces.names()) {
    TargetPolicy policy;
    policy.client_id = name;
    policy.netns = {NamespaceRef::Kind::name, name};
    policy.tunnels = {ManyNamespaces::tunnel};
    policy.offline = !liveness;
    policy.liveness_server = Endpoint::parse(ManyNamespaces::server, 53).value();
    policies.push_back(std::move(policy));
  }
  return policies;
}

/// Follows all for `idle`; nothing changes meanwhile. Beside it what the kernel alone takes for opening them, and how much more of the
/// processor's time the probe takes, with the first verdict.
void measure(ManyNamespaces& spaces, bool liveness, std::chrono::seconds idle) {
  const auto bare = open_barely(spaces.names());
  boost::asio::io_context io{1};
  HttpClient http(io);
  DnsClient dns(io);
  const auto count = static_cast<double>(spaces.names().size());
  const Use before;
  TargetSet set(io, http, dns, policies_of(spaces, liveness), TargetSet::Hooks{[](const auto&, const auto&) {}, {}, {}, {}});
  const auto idle_before = processor_time() - spaces.answering_time();
  const auto begin = mono_now();
  set.start();
  const auto opened = mono_now() - begin;
  const auto open_cost = processor_time() - spaces.answering_time() - idle_before;
  io.run_for(std::chrono::milliseconds{1500});
  const Use after;
  const auto spent = processor_time() - spaces.answering_time();
  io.run_for(idle);
  const auto cost = processor_time() - spaces.answering_time() - spent;
  std::size_t secure = 0;
  set.for_each([&secure](const TargetWatch& watch) { secure += watch.verdict().state == State::secure ? 1U : 0U; });
  const auto per = [count](std::size_t now, std::size_t then) { return (static_cast<double>(now) - static_cast<double>(then)) / count; };
  fmt::print("{:<14}{:>10.1f}{:>13.1f}{:>10.1f}{:>8.2f}{:>12.1f}{:>13.1f}{:>12.1f}{:>12.2f}{:>10}/{}\n",
             liveness ? "liveness on" : "kernel only", milliseconds(opened), milliseconds(open_cost), milliseconds(bare.all),
             milliseconds(open_cost) / milliseconds(bare.processor), per(after.files, before.files), per(after.heap, before.heap) / 1024,
             per(after.resident, before.resident) / 1024, 100.0 * milliseconds(cost) / (1000.0 * static_cast<double>(idle.count())), secure,
             spaces.names().size());
  std::fflush(stdout);
}

int run(std::size_t count, std::chrono::seconds idle) {
  ManyNamespaces spaces(count);
  fmt::print("{} namespaces with a tunnel each; following for {} s\n", count, idle.count());
  fmt::print("{:<14}{:>10}{:>13}{:>10}{:>8}{:>12}{:>13}{:>12}{:>12}{:>10}\n", "", "open ms", "open CPU ms", "bare ms", "x CPU",
             "files each", "heap KiB/ns", "RSS KiB/ns", "CPU %", "secure");
  for (const bool liveness : {false, true}) measure(spaces, liveness, idle);
  const auto list = time_of("ip netns list >/dev/null");
  const auto begin = mono_now();
  for (const auto& name : spaces.names()) time_of("ip -n " + name + " route get 198.18.0.1 >/dev/null");
  fmt::print("ip netns list {:.1f} ms; one look by ip -n NAME route get for all {:.1f} ms\n", milliseconds(list),
             milliseconds(mono_now() - begin));
  return 0;
}

}  // namespace
}  // namespace vpn_sentinel

int main(int argc, char** argv) {
  std::size_t count = 1000;
  long idle = 10;
  CLI::App app{"Memory, descriptors and time of many namespaces in one process, beside `ip`"};
  app.add_option("--count", count, "Namespaces")->check(CLI::Range(1, 3000))->capture_default_str();
  app.add_option("--idle", idle, "Seconds of following")->check(CLI::Range(1, 3600))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return vpn_sentinel::run(count, std::chrono::seconds{idle});
  } catch (const vpn_sentinel::FatalError& error) {
    const bool skipped = error.exit_code() == vpn_sentinel::ManyNamespaces::no_root;
    fmt::print(stderr, "{}: {}\n", skipped ? "SKIPPED" : "bench_namespaces", error.what());
    return error.exit_code();
  }
}
