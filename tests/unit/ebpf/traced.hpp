/// A namespace with a tunnel and uplinks, a tracer that watches it, and programs that send past the tunnel. What left is known from the far
/// end of the uplink, independently of BPF.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ebpf/socket_survey.hpp"
#include "ebpf/tracer.hpp"
#include "tests/unit/netns_firewall/two_uplinks.hpp"

namespace vpn_sentinel {

/// Beside namespaces: BPF, the rights for it and a cgroup2 tree.
struct NeedsBpf : NeedsNamespaces {
  NeedsBpf() {
    const auto tracer = Tracer::start({});
    if (tracer) return;
    std::puts(("SKIPPED: " + tracer.error().message).c_str());
    std::fflush(stdout);
    std::_Exit(77);
  }
};

/// A process of its own, with a name of its own.
class Program {
 public:
  /// `work` runs in a child of fork(2): system calls only.
  Program(const std::string& name, const std::function<void()>& work) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_NAME, name.c_str());
    work();
    ::_exit(0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { BOOST_TEST(wait() == 0); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The status of waitpid(2).
  int wait() {
    if (!status_) {
      int status = -1;
      BOOST_REQUIRE_EQUAL(::waitpid(pid_, &status, 0), pid_);
      status_ = status;
    }
    return *status_;
  }

 private:
  pid_t pid_;
  std::optional<int> status_;
};

/// For a child: does not return when something is refused.
inline void need(bool held) {
  if (!held) ::_exit(1);
}

inline void enter(const std::string& space) {
  const int fd = ::open(("/run/netns/" + space).c_str(), O_RDONLY | O_CLOEXEC);
  need(fd >= 0 && ::setns(fd, CLONE_NEWNET) == 0);
  ::close(fd);
}

inline int make_bound(int domain, int type, int protocol, const char* device) {
  const int fd = ::socket(domain, type | SOCK_CLOEXEC, protocol);
  need(fd >= 0);
  if (device != nullptr) need(::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, static_cast<socklen_t>(std::strlen(device))) == 0);
  return fd;
}

struct Target {
  sockaddr_storage storage{};
  socklen_t length = 0;
  Target(const char* address, std::uint16_t port) : length(Endpoint{IpAddress::parse(address).value(), port}.to_sockaddr(storage)) {}
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

inline void send_to(int fd, const Target& target, std::size_t size, int times = 1) {
  const std::string data(size, 'x');
  for (int i = 0; i < times; ++i) need(::sendto(fd, data.data(), size, 0, target.get(), target.length) == static_cast<ssize_t>(size));
}

struct Traced : TwoUplinks {
  Tracer tracer;
  std::uint64_t netns = 0;

  explicit Traced(const TracerSettings& settings = {}) : tracer(started(settings)), netns(tracer.cookie_of(client.opener()).value()) {
    watch({});
    const int room = 64 * 1024 * 1024;
    BOOST_REQUIRE_EQUAL(::setsockopt(observers[0].get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
  }

  static Tracer started(const TracerSettings& settings) {
    auto made = Tracer::start(settings);
    BOOST_REQUIRE_MESSAGE(made.has_value(), why(made));
    return std::move(*made);
  }

  [[nodiscard]] std::uint32_t index_of(const char* device) const {
    unsigned index = 0;
    BOOST_REQUIRE(client.get().run_inside([&] { index = ::if_nametoindex(device); }).has_value());
    return index;
  }

  /// With the tunnel, and with the server to which the fixture sends its own marks.
  [[nodiscard]] WatchedSpace with_tunnel(WatchedSpace space) const {
    space.inside.insert(index_of("tun0"));
    space.endpoints.insert({IpAddress::parse(server).value(), IPPROTO_UDP, server_port});
    return space;
  }
  void watch(const WatchedSpace& space) {
    const auto watched = tracer.watch(netns, with_tunnel(space));
    BOOST_REQUIRE_MESSAGE(watched.has_value(), why(watched));
  }

  /// Of programs; the kernel itself asks for neighbours and tells of listeners when it likes.
  [[nodiscard]] std::vector<FlowRecord> records() {
    std::vector<FlowRecord> all;
    while (tracer.drain([&](const FlowRecord& record) { all.push_back(record); })) {
    }
    std::erase_if(all, [](const FlowRecord& record) { return !record.flow.owner && record.event != FlowEvent::packet_outside; });
    return all;
  }
  [[nodiscard]] std::vector<FlowRecord> leaks() {
    auto all = records();
    std::erase_if(all, [](const FlowRecord& record) { return record.event != FlowEvent::packet_outside; });
    return all;
  }
  /// What a program in the namespace leaks, after it has ended.
  [[nodiscard]] std::vector<FlowRecord> leaks_of(const std::string& name, const std::function<void()>& work) {
    Program program(name, [&] { enter(client.name()), work(); });
    last_pid = program.pid();
    BOOST_TEST(program.wait() == 0);
    return leaks();
  }
  pid_t last_pid = 0;

  /// IP packets and bytes at the far end of eth0 since the last call that went to `address`, of `protocol`.
  [[nodiscard]] PacketCount arrived_at(const std::string& address, std::uint8_t protocol) const {
    const auto wanted = IpAddress::parse(address).value();
    PacketCount count;
    std::uint8_t frame[128];
    for (;;) {
      const auto size = ::recv(observers[0].get(), frame, sizeof frame, MSG_DONTWAIT | MSG_TRUNC);
      if (size < 34) return count;
      const bool v4 = frame[12] == 0x08 && frame[13] == 0x00;
      if (v4 != wanted.is_v4() || frame[v4 ? 23 : 20] != protocol) continue;
      if (std::memcmp(frame + (v4 ? 30 : 38), wanted.bytes().data(), wanted.bytes().size()) != 0) continue;
      ++count.packets;
      count.bytes += static_cast<std::uint64_t>(size) - ETH_HLEN;
    }
  }
};

inline std::ostream& operator<<(std::ostream& out, const PacketCount& count) {
  return out << count.packets << " packets of " << count.bytes << " bytes";
}

}  // namespace vpn_sentinel
