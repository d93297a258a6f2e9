/// What naming programs costs: a datagram and a connection with the tracer beside without, and the owners of many sockets by the survey
/// beside `ss -tanp`, all in one run and in a network namespace of its own.
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ebpf/socket_survey.hpp"
#include "ebpf/tracer.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "tests/bench/common.hpp"

namespace vpn_sentinel {
namespace {

constexpr double never = std::numeric_limits<double>::max();

/// The best of all rounds with and without, in turns: what else the machine does only ever adds.
struct Pair {
  double without = never;
  double with = never;
};

/// A process that holds sockets until this object goes: as many as one process may.
class Holder {
 public:
  explicit Holder(int wanted) {
    int told[2];
    if (::pipe2(told, O_CLOEXEC) != 0) throw FatalError(exit_failed, "pipe2");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int made = listen_often(wanted);
      if (::write(told[1], &made, sizeof made) == sizeof made) ::pause();
      ::_exit(1);
    }
    ::close(told[1]);
    const Fd answer{told[0]};
    if (pid_ < 0 || ::read(answer.get(), &count_, sizeof count_) != sizeof count_) throw FatalError(exit_failed, "no sockets are held");
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int count() const { return count_; }

 private:
  /// Ports of many addresses of the loopback, so that they do not run out. Never closed: the process ends.
  static int listen_often(int wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
      limit.rlim_cur = limit.rlim_max;
      (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (int made = 0; made < wanted; ++made) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr =
          htonl(0x7f000001U + (static_cast<std::uint32_t>(::getpid()) % 100 << 16U) + (static_cast<std::uint32_t>(made) / 1000 << 8U));
      if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 1) != 0) return made;
    }
    return wanted;
  }

  pid_t pid_ = -1;
  int count_ = 0;
};

class Bench {
 public:
  Bench() : tun_(make_tun()), opener_(good(NetNamespace::open(NamespaceRef{})).opener()) {
    run_command(
        "ip link set lo up && ip link add eth0 type veth peer name far0 && ip link set far0 up && ip address add 192.0.2.1/24 dev eth0 && "
        "ip link set eth0 up && ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth0 && ip address add 10.8.0.2/24 dev tun0 && "
        "ip link set tun0 txqueuelen 10 up && ip route add default dev tun0 && ip route add 203.0.113.0/24 via 192.0.2.2 dev eth0");
  }

  void print_costs(int rounds, int packets) {
    Pair tunnel;
    Pair outside;
    Pair connected;
    Pair connection;
    for (int round = 0; round < rounds; ++round) {
      for (const bool with : {false, true}) {
        std::optional<Tracer> tracer;
        if (with) tracer.emplace(watching());
        const auto keep = [&](Pair& pair, double time) {
          auto& best = with ? pair.with : pair.without;
          best = std::min(best, time);
          if (tracer) tracer->drain([](const FlowRecord&) {});
        };
        keep(tunnel, time_of_datagram("198.18.0.1", packets, false));
        keep(connected, time_of_datagram("198.18.0.1", packets, true));
        keep(outside, time_of_datagram("203.0.113.9", packets, false));
        keep(connection, time_of_connection(packets / 10));
      }
    }
    print("a datagram by the tunnel, µs", tunnel);
    print("a datagram of a connected socket, µs", connected);
    print("a datagram outside, µs", outside);
    print("socket, connect with SYN, close, µs", connection);
  }

  void print_owners(int sockets) {
    auto tracer = watching();
    const auto survey = good(SocketSurvey::start(tracer));
    constexpr int most_of_one = 15'000;
    std::deque<Holder> holders;
    std::size_t held = 0;
    for (int left = sockets; left > 0; left -= most_of_one)
      held += static_cast<std::size_t>(holders.emplace_back(std::min(left, most_of_one)).count());
    double by_survey = never;
    double by_ss = never;
    std::size_t found = 0;
    for (int round = 0; round < 3; ++round) {
      auto begin = mono_now();
      found = good(survey.holders()).rows.size();
      by_survey = std::min(by_survey, std::chrono::duration<double, std::milli>(mono_now() - begin).count());
      begin = mono_now();
      run_command("ss -tanp > /dev/null");
      by_ss = std::min(by_ss, std::chrono::duration<double, std::milli>(mono_now() - begin).count());
    }
    if (found < held) throw FatalError(exit_failed, fmt::format("{} of {} sockets were found", found, held));
    fmt::print("{:<40}{:>10.1f}     {:>12} {:>10.1f}   ratio {:.3f}\n", fmt::format("owners of {} sockets, ms", held), by_survey,
               "ss -tanp", by_ss, by_survey / by_ss);
  }

 private:
  static void print(std::string_view what, const Pair& pair) {
    fmt::print("{:<40}{:>10.3f}     {:>12} {:>10.3f}   difference {:>7.3f}, ratio {:.3f}\n", what, pair.with, "without", pair.without,
               pair.with - pair.without, pair.with / pair.without);
  }

  [[nodiscard]] Tracer watching() const {
    auto started = Tracer::start({});
    if (!started) throw FatalError(exit_skipped, started.error().message);
    const auto netns = good(started->cookie_of(opener_));
    good(started->watch(netns, {{::if_nametoindex("tun0")}, {}, {}}));
    return std::move(*started);
  }

  [[nodiscard]] double time_of_datagram(const char* address, int packets, bool connected) const {
    const auto socket = good(opener_(AF_INET, SOCK_DGRAM, 0));
    sockaddr_storage storage{};
    const auto length = Endpoint{IpAddress::parse(address).value(), 4444}.to_sockaddr(storage);
    const auto* target = reinterpret_cast<const sockaddr*>(&storage);
    if (connected && ::connect(socket.get(), target, length) != 0) throw FatalError(exit_failed, "connect");
    const auto begin = cpu_time();
    // What finds no room in the device's queue has passed the programs before.
    for (int i = 0; i < packets; ++i)
      (void)::sendto(socket.get(), "x", 1, MSG_DONTWAIT, connected ? nullptr : target, connected ? 0 : length);
    return (cpu_time() - begin) / packets;
  }

  [[nodiscard]] double time_of_connection(int times) const {
    sockaddr_storage storage{};
    const auto length = Endpoint{IpAddress::parse("198.18.0.1").value(), 443}.to_sockaddr(storage);
    const auto begin = cpu_time();
    for (int i = 0; i < times; ++i) {
      // With its first packet: a TCP socket sends it itself, and nobody answers.
      const Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
      (void)::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length);
    }
    return (cpu_time() - begin) / std::max(times, 1);
  }

  Fd tun_;
  SocketOpener opener_;
};

}  // namespace
}  // namespace vpn_sentinel

int main(int argc, char** argv) {
  using namespace vpn_sentinel;
  int rounds = 30;
  int packets = 20'000;
  int sockets = 50'000;
  CLI::App app{"What naming programs costs, beside no tracer and `ss -tanp`"};
  app.add_option("--rounds", rounds)->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--packets", packets, "Of each round")->check(CLI::Range(10, 1'000'000))->capture_default_str();
  app.add_option("--sockets", sockets, "Whose owners are asked for")->check(CLI::Range(1, 200'000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (::unshare(CLONE_NEWNET) != 0) {
    fmt::print(stderr, "SKIPPED: network namespaces need root\n");
    return exit_skipped;
  }
  try {
    Bench bench;
    bench.print_costs(rounds, packets);
    bench.print_owners(sockets);
    return 0;
  } catch (const FatalError& error) {
    fmt::print(stderr, "{}: {}\n", error.exit_code() == exit_skipped ? "SKIPPED" : "bench_tracer", error.what());
    return error.exit_code();
  }
}
