// Lists many sockets as the probe does beside ss(8), and tracked connections beside conntrack(8), in the same run. Prints medians and
// ratios.
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "netns/sockets/conntrack.hpp"
#include "netns/sockets/socket_owners.hpp"
#include "netns/sockets/socket_table.hpp"
#include "tests/bench/open_here.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr int skipped = 77;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// TCP connections with both ends here.
bool make_connections(unsigned sockets, std::uint16_t port, std::vector<Fd>& kept) {
  const auto address = loopback(port);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  Fd server{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (::bind(server.get(), generic, sizeof address) != 0 || ::listen(server.get(), 4096) != 0) return false;
  for (unsigned made = 0; made < sockets; made += 2) {
    Fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::connect(client.get(), generic, sizeof address) != 0) return false;
    kept.emplace_back(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    kept.push_back(std::move(client));
  }
  kept.push_back(std::move(server));
  return true;
}

/// The same in as many processes as the limit of open files asks for; they end with this one.
bool make_connections(unsigned sockets) {
  constexpr unsigned per_process = 10'000;
  std::array<int, 2> ready{};
  if (::pipe(ready.data()) != 0) return false;
  unsigned processes = 0;
  for (unsigned left = sockets; left > 0; ++processes) {
    const auto count = std::min(left, per_process);
    left -= count;
    if (::fork() != 0) continue;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::vector<Fd> kept;
    const bool made = make_connections(count, static_cast<std::uint16_t>(900 + processes), kept);
    if (::write(ready[1], made ? "y" : "n", 1) == 1) ::pause();
    ::_exit(0);
  }
  bool all = true;
  for (unsigned i = 0; i < processes; ++i) {
    char answer = 'n';
    all = ::read(ready[0], &answer, 1) == 1 && answer == 'y' && all;
  }
  return all;
}

/// One tracked connection for each port that a datagram goes to.
bool track_connections(unsigned count) {
  const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  for (unsigned i = 0; i < count; ++i) {
    auto address = loopback(static_cast<std::uint16_t>(1024 + i % 60'000));
    (void)::sendto(socket.get(), "x", 1, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  return true;
}

double milliseconds(const std::function<bool()>& work) {
  const auto before = mono_now();
  if (!work()) {
    std::fputs("a reader of connections failed\n", stderr);
    std::exit(1);
  }
  return std::chrono::duration<double, std::milli>(mono_now() - before).count();
}

struct Contender {
  std::string name;
  std::function<bool()> work;
  std::size_t beside = 0;  ///< index of the tool that it is compared with
  std::vector<double> times{};
  [[nodiscard]] double median() {
    std::ranges::sort(times);
    return times[times.size() / 2];
  }
};

bool has(const char* tool) { return std::system(fmt::format("command -v {} >/dev/null", tool).c_str()) == 0; }

std::size_t listed(bool counters) {
  SocketWish wish;
  wish.counters = counters;
  const auto table = list_sockets(open_here, wish);
  return table ? table->sockets.size() : 0;
}

bool with_owners() {
  const auto table = list_sockets(open_here, {});
  if (!table) return false;
  std::vector<std::uint32_t> inodes;
  for (const auto& entry : table->sockets) inodes.push_back(entry.inode);
  std::ranges::sort(inodes);
  const auto owners = find_socket_owners(inodes, mono_now() + 10s);
  return owners && !owners->of.empty();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Connections beside ss(8) and conntrack(8)"};
  unsigned sockets = 50'000;
  unsigned rounds = 5;
  app.add_option("--sockets", sockets, "how many")->check(CLI::Range(2U, 50'000U))->capture_default_str();
  app.add_option("--rounds", rounds, "how often each is measured")->check(CLI::Range(1U, 100U))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (::unshare(CLONE_NEWNET) != 0 || !has("ss") || std::system("ip link set lo up") != 0) {
    std::puts("SKIPPED: needs root, ip and ss (iproute2)");
    return skipped;
  }
  if (std::system("sysctl -qw net.ipv4.ip_local_port_range='1024 65000' net.core.somaxconn=4096") != 0 || !make_connections(sockets)) {
    std::puts("SKIPPED: so many sockets cannot be made here (limit of open files?)");
    return skipped;
  }
  std::vector<Contender> contenders{{"ss -tan", [] { return std::system("ss -tan >/dev/null") == 0; }},
                                    {"ss -tanp", [] { return std::system("ss -tanp >/dev/null") == 0; }, 1},
                                    {"list_sockets", [&] { return listed(false) >= sockets; }},
                                    {"list_sockets with bytes", [&] { return listed(true) >= sockets; }},
                                    {"list_sockets with bytes and owners", with_owners, 1}};
  const bool tracked = has("nft") && has("conntrack") &&
                       std::system(
                           "nft 'add table inet t; add chain inet t o { type filter hook output priority 0; }; "
                           "add rule inet t o ct state new counter' 2>/dev/null") == 0 &&
                       track_connections(sockets);
  if (tracked) {
    const auto tool = contenders.size();
    contenders.push_back({"conntrack -L", [] { return std::system("conntrack -L >/dev/null 2>&1") == 0; }, tool});
    contenders.push_back({"list_tracked_connections", [] { return list_tracked_connections(open_here, 200'000).has_value(); }, tool});
  } else {
    std::puts("SKIPPED: conntrack beside conntrack -L (nft or conntrack is not installed)");
  }
  // One after the other in each round, so that a busy moment of the machine hits all of them.
  for (unsigned round = 0; round < rounds; ++round) {
    for (auto& contender : contenders) contender.times.push_back(milliseconds(contender.work));
  }
  fmt::print("{} sockets, {} rounds, median\n", sockets, rounds);
  for (auto& contender : contenders) {
    auto& tool = contenders[contender.beside];
    fmt::print("{:<36} {:8.1f} ms   {:.2f} x {}\n", contender.name, contender.median(), contender.median() / tool.median(), tool.name);
  }
  return 0;
}
