// Questions per second of the DNS client and the CPU they cost, beside dnsperf(1) with the same server on loopback in the same run.
// The client opens a socket for each question (a new port is half of what a forger has to guess), dnsperf keeps a few: the ratio shows
// what that costs.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/fd.hpp"
#include "netns/clients/dns_client.hpp"

namespace {

using namespace vpn_sentinel;

constexpr std::size_t header_size = 12;
constexpr int skipped = 77;
constexpr int dnsperf_is_missing = 127;

/// Answers each question with 192.0.2.1, on a thread of its own.
class Server {
 public:
  Server() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int buffer = 4 << 20;
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) throw std::runtime_error("bind");
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    (void)::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &length);
    endpoint_ = Endpoint::from_sockaddr(bound).value();
    thread_ = std::thread([this] { serve(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

 private:
  void serve() {
    std::array<unsigned char, 1500> packet{};
    while (!stop_) {
      pollfd ready{socket_.get(), POLLIN, 0};
      if (::poll(&ready, 1, 50) <= 0) continue;
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      const auto size = ::recvfrom(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
      if (size < static_cast<ssize_t>(header_size)) continue;
      (void)::sendto(socket_.get(), packet.data(), answer(packet), 0, reinterpret_cast<const sockaddr*>(&from), length);
    }
  }
  /// The question, repeated, and one A record behind it; the question's EDNS record is overwritten.
  static std::size_t answer(std::array<unsigned char, 1500>& packet) {
    packet[2] = 0x81;
    packet[3] = 0x80;
    packet[7] = 1;
    packet[11] = 0;
    std::size_t at = header_size;
    while (packet.at(at) != 0) at += packet.at(at) + 1U;
    at += 5;
    static constexpr std::array<unsigned char, 16> record{0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
    std::ranges::copy(record, packet.begin() + static_cast<std::ptrdiff_t>(at));
    return at + record.size();
  }

  Fd socket_;
  Endpoint endpoint_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

struct Outcome {
  double per_second = 0;
  double cpu_per_100k = 0;
};

double cpu_seconds(int who) {
  rusage use{};
  getrusage(who, &use);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

Outcome outcome_of(std::size_t questions, MonoTime begun, double cpu) {
  const auto seconds = std::chrono::duration<double>(mono_now() - begun).count();
  return {static_cast<double>(questions) / seconds, cpu * 1e5 / static_cast<double>(questions)};
}

/// Throws when a question fails: a loss on loopback would spoil the comparison.
Outcome measure_client(const Endpoint& server, std::size_t questions, std::size_t at_once) {
  boost::asio::io_context io;
  DnsClient client(io);
  std::size_t asked = 0;
  std::size_t answered = 0;
  std::function<void()> ask = [&] {
    if (asked == questions) return;
    const DnsQuestion question{fmt::format("n{}.bench.test", asked++), DnsType::a, DnsClass::in};
    client.ask(question, server, {}, [&](const Result<DnsAnswer>& answer) {
      if (!answer) throw std::runtime_error(answer.error().message);
      ++answered;
      ask();
    });
  };
  const auto cpu = cpu_seconds(RUSAGE_THREAD);
  const auto begun = mono_now();
  for (std::size_t i = 0; i < at_once; ++i) ask();
  io.run();
  if (answered != questions) throw std::runtime_error("not every question was answered");
  return outcome_of(questions, begun, cpu_seconds(RUSAGE_THREAD) - cpu);
}

/// nullopt: there is no dnsperf here.
std::optional<Outcome> measure_dnsperf(const Endpoint& server, std::size_t questions, std::size_t at_once) {
  std::string names = "/tmp/vpn-sentinel-bench-dns-XXXXXX";
  const Fd made{::mkstemp(names.data())};
  std::ofstream file(names);
  for (std::size_t i = 0; i < questions; ++i) file << "n" << i << ".bench.test A\n";
  file.close();
  const auto command =
      fmt::format("dnsperf -s {} -p {} -d {} -n 1 -c 8 -q {} -e >/dev/null 2>&1", server.address.to_string(), server.port, names, at_once);
  const auto cpu = cpu_seconds(RUSAGE_CHILDREN);
  const auto begun = mono_now();
  const int status = std::system(command.c_str());
  const auto outcome = outcome_of(questions, begun, cpu_seconds(RUSAGE_CHILDREN) - cpu);
  (void)::unlink(names.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == dnsperf_is_missing) return std::nullopt;
  if (status != 0) throw std::runtime_error(fmt::format("dnsperf ended with status {}", status));
  return outcome;
}

int run(std::size_t questions, std::size_t at_once) {
  const Server server;
  // In turns, so that a busy moment of the machine meets both; the best of each counts.
  std::optional<Outcome> ours;
  std::optional<Outcome> theirs;
  for (int round = 0; round < 3; ++round) {
    const auto client = measure_client(server.endpoint(), questions, at_once);
    if (!ours || client.cpu_per_100k < ours->cpu_per_100k) ours = client;
    const auto dnsperf = measure_dnsperf(server.endpoint(), questions, at_once);
    if (!dnsperf) {
      fmt::print("SKIPPED: dnsperf is not installed\n");
      return skipped;
    }
    if (!theirs || dnsperf->cpu_per_100k < theirs->cpu_per_100k) theirs = dnsperf;
  }
  fmt::print("{:24} {:>12} {:>16}\n", "", "questions/s", "CPU-s per 100k");
  fmt::print("{:24} {:>12.0f} {:>16.2f}\n", "DNS client", ours->per_second, ours->cpu_per_100k);
  fmt::print("{:24} {:>12.0f} {:>16.2f}\n", "dnsperf", theirs->per_second, theirs->cpu_per_100k);
  fmt::print("{:24} {:>11.2f}x {:>15.2f}x\n", "ratio", ours->per_second / theirs->per_second, ours->cpu_per_100k / theirs->cpu_per_100k);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Questions per second of the DNS client beside dnsperf");
  std::size_t questions = 20'000;
  std::size_t at_once = 64;
  app.add_option("--questions", questions, "in each round")->check(CLI::Range(100, 1'000'000));
  app.add_option("--at-once", at_once, "under way at any time")->check(CLI::Range(1, 500));
  CLI11_PARSE(app, argc, argv);
  try {
    return run(questions, at_once);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_dns_client: {}\n", error.what());
    return 1;
  }
}
