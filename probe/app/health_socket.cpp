#include "probe/app/health_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::string_view file_name = "probe.health";
constexpr std::size_t most_bytes = 4096;
/// Who waits is answered in one turn of the loop; others in the next.
constexpr int most_at_once = 16;
/// While there are no file descriptors the listener stays readable: without a pause the loop would do nothing else.
constexpr std::chrono::seconds pause_without_files{1};

Fd make_socket() { return Fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}; }

/// sun_path has 108 bytes and a folder's name may have more: the folder is opened, and named by its descriptor.
sockaddr_un address_in(const Fd& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = fmt::format("/proc/self/fd/{}/{}", folder.get(), file_name);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

Fd open_folder(const std::string& folder) { return Fd{::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}; }

Error error_of(int code, const std::string& folder) { return system_error(code, fmt::format("{}/{}", folder, file_name)); }

/// unix(7): mode bits that the socket has before bind(2) are the file's.
Result<Fd> listen_in(const std::string& folder) {
  const auto opened = open_folder(folder);
  auto listener = make_socket();
  if (!opened || !listener || ::fchmod(listener.get(), 0600) != 0) return fail(error_of(errno, folder));
  const auto address = address_in(opened);
  ::unlink(address.sun_path);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return fail(error_of(errno, folder));
  if (::listen(listener.get(), most_at_once) != 0) return fail(error_of(errno, folder));
  return listener;
}

Result<Fd> connect_to(const std::string& folder) {
  const auto opened = open_folder(folder);
  auto socket = make_socket();
  if (!opened || !socket) return fail(error_of(errno, folder));
  const auto address = address_in(opened);
  // A Unix socket that does not block is connected at once, or its queue is full: nobody accepts.
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EAGAIN) return fail(Error::Kind::timed_out, "the daemon answers nobody: it hangs, or the machine has no time for it");
    return fail(error_of(errno, folder));
  }
  return socket;
}

std::chrono::milliseconds left_until(MonoTime deadline) {
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline - mono_now()), std::chrono::milliseconds{0});
}

/// An answer ends with the end of the connection.
Result<std::string> read_answer(const Fd& socket, const std::string& folder, MonoTime deadline) {
  std::string text;
  while (text.size() <= most_bytes) {
    pollfd waiting{socket.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left_until(deadline).count()));
    if (ready == 0) return fail(Error::Kind::timed_out, "the daemon does not answer: it hangs, or the machine has no time for it");
    std::array<char, 1024> room{};
    const auto got = ready < 0 ? -1 : ::recv(socket.get(), room.data(), room.size(), 0);
    if (got == 0) return text;
    if (got > 0) {
      text.append(room.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR && errno != EAGAIN) {
      return fail(error_of(errno, folder));
    }
  }
  return fail(Error::Kind::failed, fmt::format("{}/{}: more than {} bytes are no answer", folder, file_name, most_bytes));
}

}  // namespace

Result<std::unique_ptr<HealthSocket>> HealthSocket::open(boost::asio::io_context& io, const std::string& folder,
                                                         std::function<std::string()> answer) {
  auto listener = listen_in(folder);
  if (!listener) return fail(listener.error());
  std::unique_ptr<HealthSocket> made(new HealthSocket(io, listener->release(), fmt::format("{}/{}", folder, file_name), std::move(answer)));
  made->wait();
  return made;
}

HealthSocket::HealthSocket(boost::asio::io_context& io, int listener, std::string file, std::function<std::string()> answer)
    : listener_(io, listener), pause_(io), file_(std::move(file)), answer_(std::move(answer)) {}

HealthSocket::~HealthSocket() { ::unlink(file_.c_str()); }

void HealthSocket::wait() {
  listener_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    if (answer_waiting()) return wait();
    pause_.expires_after(pause_without_files);
    pause_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) wait();
    });
  });
}

/// The line fits into a fresh socket's buffer, so that nobody who reads slowly, or not at all, is waited for.
bool HealthSocket::answer_waiting() {
  for (int i = 0; i < most_at_once; ++i) {
    const Fd asker{::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!asker) return errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
    const auto text = answer_();
    std::ignore = ::send(asker.get(), text.data(), std::min(text.size(), most_bytes), MSG_NOSIGNAL);
  }
  return true;
}

Result<std::string> ask_health(const std::string& folder, std::chrono::milliseconds patience) {
  const auto deadline = mono_now() + patience;
  return connect_to(folder).and_then([&](const Fd& socket) { return read_answer(socket, folder, deadline); });
}

Result<pid_t> pid_of_daemon(const std::string& folder) {
  const auto socket = connect_to(folder);
  if (!socket) return fail(socket.error());
  // unix(7): of whoever listens, as it was when it began to.
  ucred listener{};
  socklen_t size = sizeof listener;
  if (::getsockopt(socket->get(), SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0) return fail(error_of(errno, folder));
  return listener.pid;
}

}  // namespace vpn_sentinel
