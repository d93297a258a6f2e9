// From the decision to drop until nothing leaves any more: the kill switch, prepared and not, beside nft(8) with the same rules in the same
// run. A thread sends by the uplink without a pause and notes when it is refused first. Prints medians, 99th percentiles and ratios.
#include "netns/firewall/kill_switch.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "netns/base/clock.hpp"
#include "tests/bench/open_here.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr int skipped = 77;
constexpr auto device = "eth0";

bool make_uplink() {
  return std::system(
             "command -v nft >/dev/null && ip link set lo up && ip link add eth0 type veth peer name eth1 && ip link set eth0 up && "
             "ip link set eth1 up && ip address add 198.51.100.10/24 dev eth0 && ip neighbour add 198.51.100.1 lladdr 02:00:00:00:00:01 "
             "dev "
             "eth0 && ip route add default via 198.51.100.1 && nft add table inet t && nft delete table inet t") == 0;
}

FirewallPolicy usual_policy() {
  FirewallPolicy policy;
  policy.tunnels = {"tun0"};
  policy.uplinks = {device};
  policy.endpoints = {{IpAddress::parse("198.51.100.2").value(), IPPROTO_UDP, 51820, 0}};
  policy.local_networks = standard_local_networks();
  return policy;
}

/// Sends as fast as it can, in a thread of its own.
class Sender {
 public:
  Sender() : socket_(open_here(AF_INET, SOCK_DGRAM, 0).value()), thread_([this] { run(); }) {}
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() {
    stop_ = true;
    thread_.join();
  }
  /// Packets leave again.
  void wait_until_open() const { wait_for(false); }
  /// When the first one was refused.
  [[nodiscard]] MonoTime wait_until_closed() const {
    wait_for(true);
    return refused_at_.load();
  }

 private:
  void wait_for(bool refused) const {
    const auto deadline = mono_now() + 5s;
    while (refused_ != refused) {
      if (mono_now() > deadline) {
        std::fputs("packets did not begin or end to leave\n", stderr);
        std::exit(1);
      }
      std::this_thread::yield();
    }
  }
  void run() {
    const auto to = Endpoint::parse("203.0.113.7", 4444).value();
    sockaddr_storage storage{};
    const auto length = to.to_sockaddr(storage);
    while (!stop_) {
      const bool left = ::sendto(socket_.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&storage), length) == 1;
      const bool refused = !left && errno == EPERM;
      if (refused && !refused_) refused_at_ = mono_now();
      if (left || refused) refused_ = refused;
    }
  }

  Fd socket_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> refused_{false};
  std::atomic<MonoTime> refused_at_{};
  std::thread thread_;
};

struct Contender {
  const char* name;
  std::function<bool()> get_ready;
  std::function<bool()> close;
  std::vector<double> times{};     ///< until the first packet is refused, in µs
  std::vector<double> returned{};  ///< until the call is over, with everything read back

  [[nodiscard]] static double part(std::vector<double>& values, double share) {
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * share)];
  }
};

double microseconds(MonoTime from, MonoTime to) { return std::chrono::duration<double, std::micro>(to - from).count(); }

bool save_rules(KillSwitch& kill_switch, const FirewallPolicy& policy, const std::string& file) {
  return kill_switch.arm(policy) && std::system(fmt::format("nft list ruleset >{}", file).c_str()) == 0 && kill_switch.disarm();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"From the decision to a closed uplink, beside nft(8)"};
  unsigned rounds = 200;
  app.add_option("--rounds", rounds, "how often each is measured")->check(CLI::Range(1U, 100'000U))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (::unshare(CLONE_NEWNET) != 0) {
    std::puts("SKIPPED: making a network namespace needs root");
    return skipped;
  }
  if (!make_uplink()) {
    std::puts("SKIPPED: 'ip', 'nft' or nf_tables is missing");
    return skipped;
  }
  auto kill_switch = KillSwitch::open(open_here, "bench").value();
  const auto policy = usual_policy();
  // Nothing stays of it, however this ends.
  const Fd kept{::memfd_create("rules", MFD_CLOEXEC)};
  const auto file = fmt::format("/proc/{}/fd/{}", ::getpid(), kept.get());
  if (!kept || !save_rules(kill_switch, policy, file)) return 1;
  const auto by_nft = fmt::format("nft -f {}", file);
  std::array contenders{
      Contender{"prepared, then armed", [&] { return kill_switch.prepare(policy).has_value(); },
                [&] { return kill_switch.arm(policy).has_value(); }},
      Contender{"armed", [] { return true; }, [&] { return kill_switch.arm(policy).has_value(); }},
      Contender{"nft -f", [] { return true; }, [&] { return std::system(by_nft.c_str()) == 0; }},
  };
  {
    const Sender sender;
    for (unsigned round = 0; round < rounds; ++round) {
      for (auto& contender : contenders) {
        if (!kill_switch.disarm() || !contender.get_ready()) return 1;
        sender.wait_until_open();
        const auto decided = mono_now();
        if (!contender.close()) return 1;
        contender.returned.push_back(microseconds(decided, mono_now()));
        contender.times.push_back(microseconds(decided, sender.wait_until_closed()));
      }
    }
  }
  const auto nft = Contender::part(contenders[2].times, 0.5);
  fmt::print("from the decision until the first packet is refused, {} rounds\n", rounds);
  for (auto& contender : contenders) {
    const auto median = Contender::part(contender.times, 0.5);
    fmt::print("{:<22} p50 {:8.1f} µs   p99 {:8.1f} µs   {:6.1f} x as fast as nft -f   read back after {:8.1f} µs\n", contender.name,
               median, Contender::part(contender.times, 0.99), nft / median, Contender::part(contender.returned, 0.5));
  }
  return kill_switch.disarm() ? 0 : 1;
}
