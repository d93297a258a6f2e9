#include "tests/bench/many_namespaces.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>

#include "netns/base/fatal_error.hpp"
#include "netns/namespace/net_namespace.hpp"

namespace vpn_sentinel {
namespace {

constexpr int exit_failed = 70;
constexpr std::size_t ip_header = 20;
constexpr std::size_t udp_header = 8;
constexpr std::size_t dns_header = 12;

/// Turns a DNS question over UDP and IPv4 into the server's refusal; false when it is something else. The sum over the addresses stays the
/// same, and an UDP checksum of zero means that there is none.
bool refuse(std::span<unsigned char> packet) {
  constexpr std::size_t least = ip_header + udp_header + dns_header;
  if (packet.size() < least || packet[0] != 0x45 || packet[9] != IPPROTO_UDP || packet[23] != 53) return false;
  std::swap_ranges(packet.begin() + 12, packet.begin() + 16, packet.begin() + 16);
  std::swap_ranges(packet.begin() + 20, packet.begin() + 22, packet.begin() + 22);
  packet[26] = packet[27] = 0;
  packet[30] = 0x80;  // an answer
  packet[31] = 0x05;  // REFUSED
  return true;
}

}  // namespace

void ip_batch(const std::string& lines, const std::string& options) {
  auto* const program = ::popen(fmt::format("ip {} -batch -", options).c_str(), "w");
  if (!program) throw FatalError(exit_failed, fmt::format("cannot start ip: {}", std::strerror(errno)));
  const auto written = std::fwrite(lines.data(), 1, lines.size(), program);
  if (const int status = ::pclose(program); written != lines.size() || status != 0) throw FatalError(exit_failed, "ip failed");
}

ManyNamespaces::ManyNamespaces(std::size_t count) {
  if (::geteuid() != 0) throw FatalError(no_root, "network namespaces need root");
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) {
    names_.push_back(fmt::format("vs{}-b{}", ::getpid(), i));
    lines += fmt::format("netns add {}\n", names_.back());
  }
  try {
    ip_batch(lines);
    for (const auto& name : names_) make_tunnel(name);
  } catch (...) {
    remove();
    throw;
  }
  answering_ = std::thread([this] { answer(); });
}

ManyNamespaces::~ManyNamespaces() {
  stop_ = true;
  if (answering_.joinable()) answering_.join();
  remove();
}

void ManyNamespaces::remove() const noexcept {
  std::string lines;
  for (const auto& name : names_) lines += fmt::format("netns delete {}\n", name);
  try {
    ip_batch(lines, "-force");
  } catch (const FatalError& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
}

void ManyNamespaces::make_tunnel(const std::string& name) {
  const auto space = NetNamespace::open({NamespaceRef::Kind::name, name});
  if (!space) throw FatalError(exit_failed, space.error().message);
  Fd fd;
  int code = 0;
  const auto inside = space->run_inside([&] {
    fd = Fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    std::copy_n(tunnel, std::strlen(tunnel), request.ifr_name);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) code = errno;
  });
  if (!inside || code != 0) throw FatalError(no_root, fmt::format("cannot make a tunnel: {}", std::strerror(code)));
  tunnels_.push_back(std::move(fd));
  ip_batch(fmt::format("link set lo up\nlink set {0} addrgenmode none\naddress add 198.19.0.2/24 dev {0}\nlink set {0} up\n"
                       "route add default dev {0}\nroute add ::/0 dev {0}\n",
                       tunnel),
           "-n " + name);
}

void ManyNamespaces::answer() {
  const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  for (const auto& fd : tunnels_) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd.get();
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event);
  }
  std::array<epoll_event, 64> events{};
  std::array<unsigned char, 2048> packet{};
  while (!stop_) {
    const int ready = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 50);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      const auto size = ::read(fd, packet.data(), packet.size());
      if (size <= 0 || !refuse(std::span(packet).first(static_cast<std::size_t>(size)))) continue;
      if (::write(fd, packet.data(), static_cast<std::size_t>(size)) < 0) continue;  // the question was lost: it is asked again
    }
  }
}

std::chrono::nanoseconds ManyNamespaces::answering_time() {
  clockid_t clock{};
  timespec time{};
  if (::pthread_getcpuclockid(answering_.native_handle(), &clock) != 0 || ::clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace vpn_sentinel
