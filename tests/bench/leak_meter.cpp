/// What counting costs and how soon it tells: a packet by the tunnel with the meter beside without, a leak to the news of it, and rules in
/// force beside `nft -f` with the same rules, all in one run and in a network namespace of its own.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/fatal_error.hpp"
#include "netns/firewall/kill_switch.hpp"
#include "netns/firewall/leak_meter.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "probe/watch/outside_policy.hpp"
#include "probe/watch/packet_watch.hpp"
#include "tests/bench/common.hpp"

namespace vpn_sentinel {
namespace {

/// Nearest rank.
double percentile(std::vector<double> values, double part) {
  if (values.empty()) return std::nan("");
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

double microseconds_since(MonoTime begin) { return std::chrono::duration<double, std::micro>(mono_now() - begin).count(); }

class Bench {
 public:
  Bench() : tun_(make_tun()), opener_(good(NetNamespace::open(NamespaceRef{})).opener()) {
    run_command(
        "ip link set lo up && ip link add eth0 type veth peer name far0 && ip link set far0 up && ip address add 192.0.2.1/24 dev eth0 && "
        "ip link set eth0 up && ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth0 && ip address add 10.8.0.2/24 dev tun0 && "
        "ip link set tun0 txqueuelen 10 up && ip route add default dev tun0 && ip route add 203.0.113.0/24 via 192.0.2.2 dev eth0");
    seen_.expected_tunnel = "tun0";
    seen_.tunnel = TunnelView{"tun0", "tun", 2, true, true, true};
    seen_.uplinks = {"eth0"};
    seen_.endpoints = {{IpAddress::parse("198.51.100.2").value(), "configured", 17, 1194, 0}};
  }

  void print_cost(int rounds, int packets) {
    std::vector<double> without;
    std::vector<double> with;
    std::vector<double> outside_without;
    std::vector<double> outside_with;
    for (int round = 0; round < rounds; ++round) {
      without.push_back(time_of_one("198.18.0.1", packets));
      outside_without.push_back(time_of_one("203.0.113.9", packets));
      const auto meter = good(LeakMeter::install(opener_, "bench", outside_policy(seen_, {})));
      with.push_back(time_of_one("198.18.0.1", packets));
      outside_with.push_back(time_of_one("203.0.113.9", packets));
    }
    // The best round: what else the machine does only ever adds, and softirqs of others count as ours.
    print_pair("a packet by the tunnel, best, µs", percentile(with, 0), "without the meter", percentile(without, 0));
    print_pair("a packet outside, best, µs", percentile(outside_with, 0), "without the meter", percentile(outside_without, 0));
  }

  void print_news(int rounds) {
    std::vector<double> times;
    for (int round = 0; round < rounds; ++round) times.push_back(time_to_news());
    fmt::print("{:<38}{:>10.0f} p50 {:>8.0f} p99\n", "first packet outside to its news, µs", percentile(times, 0.5),
               percentile(times, 0.99));
  }

  void print_arming(int rounds) {
    const auto policy = outside_policy(seen_, {});
    const auto file = fmt::format("/tmp/vpn-sentinel-bench-{}.nft", ::getpid());
    auto kill_switch = good(KillSwitch::open(opener_, "bench"));
    (void)good(kill_switch.arm(policy));
    run_command(fmt::format("nft list ruleset > {}", file));
    good(kill_switch.disarm());
    std::vector<double> prepared;
    std::vector<double> whole;
    std::vector<double> by_nft;
    for (int round = 0; round < rounds; ++round) {
      good(kill_switch.prepare(policy));
      auto begin = mono_now();
      (void)good(kill_switch.arm(policy));
      prepared.push_back(microseconds_since(begin));
      good(kill_switch.disarm());
      begin = mono_now();
      (void)good(kill_switch.arm(policy));
      whole.push_back(microseconds_since(begin));
      good(kill_switch.disarm());
      begin = mono_now();
      run_command(fmt::format("nft -f {}", file));
      by_nft.push_back(microseconds_since(begin));
      good(kill_switch.disarm());
    }
    ::unlink(file.c_str());
    print_pair("prepared rules in force, µs", percentile(prepared, 0.5), "nft -f", percentile(by_nft, 0.5));
    print_pair("all rules in force and read back, µs", percentile(whole, 0.5), "nft -f", percentile(by_nft, 0.5));
  }

 private:
  static void print_pair(std::string_view what, double value, std::string_view beside, double other) {
    fmt::print("{:<38}{:>10.2f}     {:>18} {:>10.2f}   difference {:>8.2f}, ratio {:.2f}\n", what, value, beside, other, value - other,
               value / other);
  }

  /// Of one of so many, in microseconds.
  [[nodiscard]] double time_of_one(const char* address, int packets) const {
    const auto socket = good(opener_(AF_INET, SOCK_DGRAM, 0));
    sockaddr_storage storage{};
    const auto length = Endpoint{IpAddress::parse(address).value(), 4444}.to_sockaddr(storage);
    const auto begin = cpu_time();
    // What finds no room in the device's queue has passed all rules before.
    for (int i = 0; i < packets; ++i)
      (void)::sendto(socket.get(), "x", 1, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&storage), length);
    return (cpu_time() - begin) / packets;
  }

  [[nodiscard]] double time_to_news() {
    boost::asio::io_context io(1);
    TargetPolicy target;
    target.client_id = "bench";
    target.meter.on = true;
    bool told = false;
    PacketWatch watch(
        io, target, [&] { told = true; }, [] { return false; });
    watch.attach(opener_, NamespaceIdentity{});
    watch.follow(seen_, VpnProgram{});
    if (watch.pending()) throw FatalError(exit_failed, "the meter is not in place");
    io.poll();
    const auto begin = mono_now();
    (void)time_of_one("203.0.113.9", 1);
    while (!told && io.run_one() > 0) {
    }
    return microseconds_since(begin);
  }

  Fd tun_;
  SocketOpener opener_;
  Observation seen_;
};

}  // namespace
}  // namespace vpn_sentinel

int main(int argc, char** argv) {
  using namespace vpn_sentinel;
  int rounds = 50;
  int packets = 20'000;
  CLI::App app{"What the leak meter costs and how soon it tells, beside no meter and `nft -f`"};
  app.add_option("--rounds", rounds)->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--packets", packets, "Of each round")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (::unshare(CLONE_NEWNET) != 0) {
    fmt::print(stderr, "SKIPPED: network namespaces need root\n");
    return exit_skipped;
  }
  try {
    Bench bench;
    bench.print_cost(rounds, packets);
    bench.print_news(rounds * 4);
    bench.print_arming(rounds);
    return 0;
  } catch (const FatalError& error) {
    fmt::print(stderr, "{}: {}\n", error.exit_code() == exit_skipped ? "SKIPPED" : "bench_leak_meter", error.what());
    return error.exit_code();
  }
}
