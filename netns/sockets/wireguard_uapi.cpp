#include "netns/sockets/wireguard_uapi.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/sockets/patient_look.hpp"
#include "netns/sockets/wiped_buffer.hpp"

namespace vpn_sentinel {
namespace {

/// A peer with ten allowed addresses takes about 700 bytes.
constexpr std::size_t longest_answer = 4 * 1024 * 1024;
constexpr std::string_view request = "get=1\n\n";

template <typename Number>
bool read_number(std::string_view text, Number& value) {
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

/// Public keys are written in hexadecimal here and in base64 everywhere else.
bool read_key(std::string_view text, std::string& base64) {
  std::array<std::byte, wireguard_key_size> key{};
  if (text.size() != 2 * key.size()) return false;
  for (std::size_t i = 0; i < key.size(); ++i) {
    std::uint8_t byte = 0;
    const auto* at = text.data() + 2 * i;
    const auto [stop, error] = std::from_chars(at, at + 2, byte, 16);
    if (error != std::errc{} || stop != at + 2) return false;
    key[i] = std::byte{byte};
  }
  base64 = key_text(key);
  return true;
}

/// "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%eth0]:51820".
bool read_endpoint(std::string_view text, std::optional<Endpoint>& endpoint) {
  std::string copy(text.substr(0, 128));
  if (const auto zone = copy.find('%'); zone != std::string::npos) {
    copy.erase(zone, std::max(zone, copy.find(']')) - zone);
  }
  const auto read = Endpoint::parse(copy, 0);
  if (read) endpoint = *read;
  return read.has_value();
}

class Parser {
 public:
  explicit Parser(const std::string& name) { device_.name = name; }

  /// False: the value cannot be.
  bool take(std::string_view key, std::string_view value) {
    if (key == "errno") return read_number(value, code_.emplace());
    if (key == "public_key") return begin_peer(value);
    if (device_.peers.empty()) return take_of_device(key, value);
    return take_of_peer(key, value, device_.peers.back());
  }
  /// The daemon's answer is complete.
  [[nodiscard]] bool complete() const noexcept { return code_.has_value(); }
  [[nodiscard]] bool too_much() const noexcept { return device_.peers.size() > most_wireguard_peers || allowed_ips_ > most_allowed_ips; }
  Result<WireGuardDevice> finish() {
    if (*code_ != 0)
      return fail(
          system_error(*code_ == INT_MIN ? EPROTO : std::abs(*code_), fmt::format("the program that runs {} answered", device_.name)));
    for (std::size_t i = 0; i < device_.peers.size(); ++i) device_.peers[i].last_handshake = handshakes_[i].time();
    return std::move(device_);
  }

 private:
  struct Handshake {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    [[nodiscard]] std::optional<WallTime> time() const {
      if (seconds == 0) return std::nullopt;
      return WallTime{std::chrono::seconds{seconds} + std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds{nanoseconds})};
    }
  };

  bool begin_peer(std::string_view value) {
    handshakes_.emplace_back();
    return read_key(value, device_.peers.emplace_back().public_key);
  }
  bool take_of_device(std::string_view key, std::string_view value) {
    if (key == "listen_port") return read_number(value, device_.listen_port);
    if (key == "fwmark") return read_number(value, device_.fwmark);
    return true;
  }
  bool take_of_peer(std::string_view key, std::string_view value, WireGuardPeer& peer) {
    constexpr std::int64_t year_9999 = 253402300799;
    auto& handshake = handshakes_.back();
    if (key == "endpoint") return read_endpoint(value, peer.endpoint);
    if (key == "rx_bytes") return read_number(value, peer.rx_bytes);
    if (key == "tx_bytes") return read_number(value, peer.tx_bytes);
    if (key == "persistent_keepalive_interval") return read_number(value, peer.persistent_keepalive);
    if (key == "last_handshake_time_sec") {
      return read_number(value, handshake.seconds) && handshake.seconds >= 0 && handshake.seconds <= year_9999;
    }
    if (key == "last_handshake_time_nsec") {
      return read_number(value, handshake.nanoseconds) && handshake.nanoseconds >= 0 && handshake.nanoseconds <= 999'999'999;
    }
    if (key != "allowed_ip") return true;
    const auto prefix = IpPrefix::parse(value.substr(0, 64));
    if (prefix) peer.allowed_ips.push_back(*prefix);
    return ++allowed_ips_, prefix.has_value();
  }

  WireGuardDevice device_;
  std::vector<Handshake> handshakes_;
  std::optional<int> code_;  ///< 0, or an errno value with either sign
  std::size_t allowed_ips_ = 0;
};

/// A message shows the key of a line and never its value: it may be secret.
std::string shown(std::string_view key) {
  std::string copy(key.substr(0, 40));
  std::ranges::replace_if(
      copy, [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  return copy;
}

Result<Fd> open_in_root(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed or mounted while the kernel walked, so that it cannot tell whether the path stayed below the root.
  for (int tries = 0; tries < 8; ++tries) {
    Fd fd{static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how))};
    if (fd) return fd;
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return fail(system_error(errno, "opening " + path + " in the program's mount namespace"));
}

/// Waits for `events`; the Error says what had been waited for.
Result<void> wait_for(int fd, short events, MonoTime deadline) {
  pollfd poll_fd{fd, events, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - mono_now()).count();
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(std::clamp<long>(left, 0, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(system_error(errno, "poll"));
    if (mono_now() >= deadline) return fail(Error::Kind::timed_out, "the program that runs the WireGuard interface does not answer");
  }
}

Result<Fd> connect_to(const Fd& file) {
  Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return fail(system_error(errno, "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The file that was found, whatever has the name by now; a path in another mount namespace could not be given to connect(2).
  const auto path = fmt::format("/proc/self/fd/{}", file.get());
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  // A stream socket of this family connects at once or not at all: EAGAIN means that the program has not accepted for a long time.
  auto error = system_error(errno, "connecting to the control socket of the WireGuard interface");
  if (error.kind == Error::Kind::unreachable) error.message += " (the program that made it has ended)";
  if (error.kind == Error::Kind::not_permitted) error.message += " (it belongs to another user: CAP_DAC_OVERRIDE is needed)";
  return fail(std::move(error));
}

/// Also this asks the file system on which the file lies.
Result<Fd> connect_patiently(const Fd& file, std::chrono::milliseconds patience) {
  struct statx status {};
  if (::statx(file.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) != 0)
    return fail(system_error(errno, "the control socket of the WireGuard interface"));
  const auto copy = std::make_shared<const Fd>(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (!*copy) return fail(system_error(errno, "the control socket of the WireGuard interface"));
  const auto whose = fmt::format("the WireGuard program (its control socket is file {} of device {}:{})", status.stx_ino,
                                 status.stx_dev_major, status.stx_dev_minor);
  return patient_look(whose, patience, [copy] { return connect_to(*copy); });
}

Result<void> send_request(int fd, MonoTime deadline) {
  auto rest = request;
  while (!rest.empty()) {
    const auto sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      rest.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto ready = wait_for(fd, POLLOUT, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return fail(system_error(errno, "asking the program that runs the WireGuard interface"));
    }
  }
  return {};
}

/// Reads up to the empty line that ends an answer; the text lies in `buffer`.
Result<std::string_view> receive_answer(int fd, WipedBuffer& buffer, MonoTime deadline) {
  std::size_t used = 0;
  const auto* const start = reinterpret_cast<const char*>(buffer.bytes().data());
  while (used < buffer.bytes().size()) {
    if (auto ready = wait_for(fd, POLLIN, deadline); !ready) return fail(ready.error());
    const auto room = buffer.bytes().subspan(used);
    const auto got = ::recv(fd, room.data(), std::min<std::size_t>(room.size(), 65536), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return fail(system_error(errno, "reading from the program that runs the WireGuard interface"));
    if (got == 0) return fail(Error::Kind::invalid, "the program that runs the WireGuard interface ended its answer early");
    used += static_cast<std::size_t>(got);
    buffer.note_used(used);
    const std::string_view text{start, used};
    if (text.ends_with("\n\n")) return text;
    // A program that sends byte by byte for ever is always ready.
    if (mono_now() >= deadline)
      return fail(Error::Kind::timed_out, "the answer of the program that runs the WireGuard interface does not end");
  }
  return fail(Error::Kind::overrun, fmt::format("the description of the WireGuard interface has more than {} bytes", longest_answer));
}

/// On a thread that may be left behind: everything below the root is what the program has mounted there.
Result<Fd> look_for_socket(pid_t pid, const std::string& name) {
  const auto root_path = fmt::format("/proc/{}/root", pid);
  const Fd root{::open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!root) {
    auto error = system_error(errno, "opening " + root_path);
    if (error.kind == Error::Kind::not_permitted) error.message += " (CAP_SYS_PTRACE is needed)";
    return fail(std::move(error));
  }
  // The first is what wireguard-go has built in; usually both are the same folder.
  auto file = open_in_root(root.get(), fmt::format("/var/run/wireguard/{}.sock", name));
  if (!file && file.error().kind == Error::Kind::not_found) file = open_in_root(root.get(), fmt::format("/run/wireguard/{}.sock", name));
  if (!file) return file;
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return fail(system_error(errno, "the control socket of the WireGuard interface"));
  if (!S_ISSOCK(status.st_mode)) return fail(Error::Kind::invalid, fmt::format("wireguard/{}.sock is not a socket", name));
  return file;
}

}  // namespace

Result<WireGuardDevice> parse_uapi(std::string_view text, const std::string& name) {
  Parser parser{name};
  while (!text.empty() && !parser.complete()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty()) break;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return fail(Error::Kind::invalid, "a line of the WireGuard interface's description has no '='");
    if (!parser.take(line.substr(0, equals), line.substr(equals + 1))) {
      return fail(Error::Kind::invalid,
                  fmt::format("the value of '{}' in the WireGuard interface's description cannot be read", shown(line.substr(0, equals))));
    }
    if (parser.too_much()) {
      return fail(Error::Kind::overrun, fmt::format("the WireGuard interface has more than {} peers or {} allowed addresses",
                                                    most_wireguard_peers, most_allowed_ips));
    }
  }
  if (!parser.complete()) return fail(Error::Kind::invalid, "the WireGuard interface's description ends without an errno");
  return parser.finish();
}

Result<Fd> find_uapi_socket(pid_t pid, const std::string& name, std::chrono::milliseconds patience) {
  if (name.empty() || name.size() > 15 || name.find('/') != std::string::npos) {
    return fail(Error::Kind::invalid, "this is not the name of an interface");
  }
  return patient_look(fmt::format("process {}", pid), patience, [pid, name] { return look_for_socket(pid, name); });
}

Result<WireGuardDevice> ask_uapi(const Fd& socket, const std::string& name, std::chrono::milliseconds patience) {
  const auto deadline = mono_now() + patience;
  const auto connection = connect_patiently(socket, patience);
  if (!connection) return fail(connection.error());
  if (auto sent = send_request(connection->get(), deadline); !sent) return fail(sent.error());
  WipedBuffer buffer{longest_answer};
  const auto answer = receive_answer(connection->get(), buffer, deadline);
  if (!answer) return fail(answer.error());
  return parse_uapi(*answer, name);
}

}  // namespace vpn_sentinel
