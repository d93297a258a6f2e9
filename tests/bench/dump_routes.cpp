// Reads a table of many routes as the probe does, and as ip(8) does, in the same run: the first dump (take_snapshot), and the second one
// after a loss, which is compared with what is known (Follower). Prints medians and ratios.
#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <vector>

#include "netns/monitor/follower.hpp"
#include "netns/monitor/monitor.hpp"
#include "tests/bench/open_here.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr int skipped = 77;

/// `count` routes to a /32 each by a next hop of the benchmark's own veth pair.
bool make_routes(unsigned count) {
  if (std::system("ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up &&"
                  "ip address add 203.0.113.10/24 dev eth0") != 0) {
    return false;
  }
  FILE* batch = ::popen("ip -batch -", "w");
  if (batch == nullptr) return false;
  for (unsigned i = 0; i < count; ++i) {
    fmt::print(batch, "route add 198.{}.{}.{} via 203.0.113.1\n", 18 + i / 65536, i / 256 % 256, i % 256);
  }
  return ::pclose(batch) == 0;
}

double milliseconds(const std::function<bool()>& work) {
  const auto before = mono_now();
  if (!work()) {
    std::fputs("a reader of the routes failed\n", stderr);
    std::exit(1);
  }
  return std::chrono::duration<double, std::milli>(mono_now() - before).count();
}

struct Contender {
  const char* name;
  std::function<bool()> work;
  std::vector<double> times{};

  [[nodiscard]] double median() {
    std::ranges::sort(times);
    return times[times.size() / 2];
  }
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Dump of many routes beside ip(8)"};
  unsigned routes = 100'000;
  unsigned rounds = 15;
  app.add_option("--routes", routes, "how many routes")->check(CLI::Range(1U, 131'072U))->capture_default_str();
  app.add_option("--rounds", rounds, "how often each is measured")->check(CLI::Range(1U, 1000U))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (::unshare(CLONE_NEWNET) != 0) {
    std::puts("SKIPPED: making a network namespace needs root");
    return skipped;
  }
  if (!make_routes(routes)) {
    std::puts("SKIPPED: 'ip' (iproute2) is not installed or cannot make the routes");
    return skipped;
  }
  auto follower = Follower::open(open_here, Follower::Mode::follow);
  if (!follower || !follower->read_everything(mono_now() + 10s)) return 1;
  std::array contenders{Contender{"ip route show", [] { return std::system("ip route show >/dev/null") == 0; }},
                        Contender{"ip route show table all", [] { return std::system("ip route show table all >/dev/null") == 0; }},
                        Contender{"first dump",
                                  [&] {
                                    const auto snapshot = take_snapshot(open_here);
                                    return snapshot && snapshot->routes.size() >= routes;
                                  }},
                        Contender{"dump after a loss", [&] {
                                    return follower->reopen(open_here) && follower->read_everything(mono_now() + 10s) &&
                                           follower->snapshot().routes.size() >= routes;
                                  }}};
  // One after the other in each round, so that a busy moment of the machine hits all of them.
  for (unsigned round = 0; round < rounds; ++round) {
    for (auto& contender : contenders) contender.times.push_back(milliseconds(contender.work));
  }
  const auto show = contenders[0].median();
  const auto all = contenders[1].median();
  fmt::print("{} routes, {} rounds, median\n", routes, rounds);
  for (auto& contender : contenders) {
    fmt::print("{:<24} {:8.1f} ms   {:.2f} x ip route show   {:.2f} x table all\n", contender.name, contender.median(),
               contender.median() / show, contender.median() / all);
  }
  return 0;
}
