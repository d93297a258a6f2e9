/// What the hub is measured against in the same run: `serve` answers every HTTP request from one epoll loop and does nothing else; `disk`
/// writes a block and flushes it, again and again.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"

namespace {

using namespace vpn_sentinel;

constexpr int exit_failed = 70;
constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"ok\"}\n";
constexpr std::string_view length_header = "\r\nContent-Length: ";

[[noreturn]] void give_up(std::string_view what) { throw FatalError(exit_failed, system_error(errno, std::string(what)).message); }

/// Bytes of the first whole request in `input`; nullopt: not all of it is there.
std::optional<std::size_t> request_size(std::string_view input) {
  const auto head_end = input.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return std::nullopt;
  std::size_t body = 0;
  const auto place = input.substr(0, head_end).find(length_header);
  if (place != std::string_view::npos) {
    const auto number = input.substr(place + length_header.size());
    std::from_chars(number.data(), number.data() + number.size(), body);
  }
  const auto size = head_end + 4 + body;
  return size <= input.size() ? std::optional(size) : std::nullopt;
}

struct Peer {
  Fd fd;
  std::size_t used = 0;
  std::array<char, 8192> input{};
};

/// False: the connection is over.
bool serve_peer(Peer& peer) {
  const auto count = recv(peer.fd.get(), peer.input.data() + peer.used, peer.input.size() - peer.used, 0);
  if (count <= 0) return count < 0 && errno == EAGAIN;
  peer.used += static_cast<std::size_t>(count);
  std::string_view left{peer.input.data(), peer.used};
  while (const auto size = request_size(left)) {
    if (send(peer.fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return false;
    left.remove_prefix(*size);
  }
  std::copy(left.begin(), left.end(), peer.input.begin());
  peer.used = left.size();
  return peer.used < peer.input.size();
}

class Server {
 public:
  Server() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_.get(), generic, length) != 0 || listen(listener_.get(), SOMAXCONN) != 0) give_up("listen");
    if (getsockname(listener_.get(), generic, &length) != 0) give_up("getsockname");
    watch(listener_.get(), nullptr);
    fmt::print("{}\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  /// Until the process is ended.
  void run() {
    std::array<epoll_event, 512> events{};
    while (true) {
      const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        auto* const peer = static_cast<Peer*>(events.at(static_cast<std::size_t>(i)).data.ptr);
        if (peer == nullptr) {
          accept_all();
        } else if (!serve_peer(*peer)) {
          const std::unique_ptr<Peer> gone(peer);
        }
      }
    }
  }

 private:
  void watch(int fd, Peer* peer) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = peer;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) give_up("epoll_ctl");
  }

  void accept_all() {
    while (true) {
      Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) return;
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto peer = std::make_unique<Peer>();
      peer->fd = std::move(fd);
      const int number = peer->fd.get();
      watch(number, peer.release());  // belongs to the epoll instance until its connection ends
    }
  }

  Fd listener_;
  Fd epoll_;
};

/// Overwrites one block and flushes it: what every commit of a database waits for at least once.
double flushes_per_second(const std::string& file, double seconds) {
  const Fd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) give_up("open " + file);
  std::array<char, 4096> block{};
  const auto begin = mono_now();
  std::uint64_t count = 0;
  const auto elapsed = [&] { return std::chrono::duration<double>(mono_now() - begin).count(); };
  for (; elapsed() < seconds; ++count) {
    block.at(count % block.size()) = static_cast<char>(count);
    if (pwrite(fd.get(), block.data(), block.size(), 0) < 0 || fdatasync(fd.get()) != 0) give_up("write " + file);
  }
  return static_cast<double>(count) / elapsed();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What the hub is measured against"};
  app.require_subcommand(1);
  auto* const serve = app.add_subcommand("serve", "Print a port of 127.0.0.1 and answer every request there");
  auto* const disk = app.add_subcommand("disk", "Print how often per second a block of 4 KiB is written and flushed");
  std::string file;
  double seconds = 1;
  disk->add_option("file", file, "Is made, and stays")->required();
  disk->add_option("--seconds", seconds)->check(CLI::Range(0.01, 60.0))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    if (serve->parsed()) Server().run();
    fmt::print("{:.1f}\n", flushes_per_second(file, seconds));
  } catch (const FatalError& error) {
    fmt::print(stderr, "bench_hub_reference: {}\n", error.what());
    return error.exit_code();
  }
  return 0;
}
