#include "tests/bench/simulate/load.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <deque>
#include <numeric>
#include <vector>

#include "netns/base/fatal_error.hpp"
#include "netns/base/fd.hpp"
#include "netns/base/random.hpp"
#include "tests/bench/simulate/answer_reader.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr int exit_failed = 70;
/// Also the longest wait for an event.
constexpr milliseconds reconnect_pause{20};
/// A fixed rate that falls further behind (the hub was away) starts anew instead of sending everything at once.
constexpr milliseconds most_behind{1000};

volatile std::sig_atomic_t told_to_stop = 0;

struct Connection {
  enum class State { down, connecting, idle, busy };
  Fd fd;
  State state = State::down;
  std::string out;
  std::size_t written = 0;
  bool wants_write = false;
  AnswerReader answer;
  std::size_t probe = 0;  ///< of the request under way or the next one
  MonoTime due{};         ///< busy: when the request should have gone out
  MonoTime since{};       ///< when the state began
};

class Load {
 public:
  explicit Load(const LoadOptions& options);
  LoadResult run();

 private:
  void connect(Connection& connection, MonoTime now);
  void connected(Connection& connection, MonoTime now);
  void drop(Connection& connection, MonoTime now, std::uint64_t& counter);
  void rest(Connection& connection, MonoTime now);
  void send_due(MonoTime now);
  void start_request(Connection& connection, MonoTime due, MonoTime now);
  void write_some(Connection& connection, MonoTime now);
  void read_some(Connection& connection);
  void answered(Connection& connection, MonoTime now);
  void on_event(const epoll_event& event);
  void sweep(MonoTime now);
  void watch(Connection& connection, int operation, bool write);
  void save_record();
  [[nodiscard]] int pause(MonoTime now) const;
  [[nodiscard]] bool is_over(MonoTime now) const;

  const LoadOptions& options_;
  RequestWriter writer_;
  std::string get_request_;
  std::vector<VirtualProbe> probes_;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;  ///< only at a fixed rate
  Fd epoll_;
  Fd record_file_;
  std::string record_;
  std::minstd_rand random_;
  LoadResult result_;
  std::uint64_t answers_ = 0;
  nanoseconds period_{0};
  MonoTime next_due_{};
  MonoTime begin_{};
  std::array<char, 64 * 1024> scratch_{};
};

std::string host_of(const LoadOptions& options) { return options.hub.to_string(); }

Load::Load(const LoadOptions& options)
    : options_(options), writer_(host_of(options), options.prefix + "/keepalive", options.key), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw FatalError(exit_failed, system_error(errno, "epoll_create1").message);
  if (!options.get.empty()) {
    get_request_ = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n", options.get, host_of(options));
    if (!options.key.empty()) get_request_ += fmt::format("X-API-Key: {}\r\n", options.key);
    get_request_ += "\r\n";
  }
  const auto boot = options.boot.empty() ? random_hex(6) : options.boot;
  random_.seed(static_cast<unsigned>(random_u64()));
  probes_.reserve(options.probes);
  for (unsigned i = 0; i < options.probes; ++i) {
    probes_.emplace_back(fmt::format("{}-{:06}", options.client_prefix, i), fmt::format("{}-{}", boot, i), options.first);
  }
  // A probe speaks on one connection only, so more of them would have nobody to speak for.
  connections_ = std::vector<Connection>(options.get.empty() ? std::min(options.connections, options.probes) : options.connections);
  for (std::size_t i = 0; i < connections_.size(); ++i) connections_[i].probe = i;
  if (options.rate > 0) period_ = std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(1 / options.rate));
  if (options.record.empty()) return;
  record_file_ = Fd(open(options.record.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!record_file_) throw FatalError(exit_failed, system_error(errno, "cannot open " + options.record).message);
}

LoadResult Load::run() {
  begin_ = mono_now();
  next_due_ = begin_;
  for (auto& connection : connections_) connect(connection, begin_);
  auto next_sweep = begin_ + reconnect_pause;
  std::array<epoll_event, 512> events{};
  for (auto now = begin_; !is_over(now); now = mono_now()) {
    send_due(now);
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), pause(now));
    for (int i = 0; i < count; ++i) on_event(events.at(static_cast<std::size_t>(i)));
    save_record();
    if (mono_now() < next_sweep) continue;
    next_sweep = mono_now() + reconnect_pause;
    sweep(mono_now());
  }
  result_.seconds = std::chrono::duration<double>(mono_now() - begin_).count();
  return result_;
}

bool Load::is_over(MonoTime now) const {
  return told_to_stop != 0 || now - begin_ >= options_.time || (options_.requests > 0 && answers_ >= options_.requests);
}

int Load::pause(MonoTime now) const {
  auto pause = std::min<nanoseconds>(reconnect_pause, options_.time - (now - begin_));
  if (options_.rate > 0 && !idle_.empty()) pause = std::min<nanoseconds>(pause, next_due_ - now);
  return static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(pause).count()));
}

void Load::watch(Connection& connection, int operation, bool write) {
  connection.wants_write = write;
  epoll_event event{};
  event.events = EPOLLIN | (write ? EPOLLOUT : 0U);
  event.data.ptr = &connection;
  epoll_ctl(epoll_.get(), operation, connection.fd.get(), &event);
}

void Load::connect(Connection& connection, MonoTime now) {
  sockaddr_storage address{};
  const auto length = options_.hub.to_sockaddr(address);
  connection.fd = Fd(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!connection.fd) throw FatalError(exit_failed, system_error(errno, "socket (ulimit -n?)").message);
  const int on = 1;
  setsockopt(connection.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options_.sources > 1) {
    const auto number = static_cast<std::uint32_t>(static_cast<std::size_t>(&connection - connections_.data()) % options_.sources);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7f010000U + (number / 250U) * 256U + number % 250U + 1U);
    setsockopt(connection.fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(connection.fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0)
      throw FatalError(exit_failed, system_error(errno, "bind to an address of 127.1.0.0/16").message);
  }
  const int done = ::connect(connection.fd.get(), reinterpret_cast<const sockaddr*>(&address), length);
  connection.state = Connection::State::connecting;
  connection.since = now;
  if (done != 0 && errno != EINPROGRESS) return drop(connection, now, result_.refused);
  watch(connection, EPOLL_CTL_ADD, true);
}

void Load::drop(Connection& connection, MonoTime now, std::uint64_t& counter) {
  ++counter;
  connection.fd.reset();
  connection.state = Connection::State::down;
  connection.since = now;
}

void Load::connected(Connection& connection, MonoTime now) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(connection.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return drop(connection, now, result_.refused);
  watch(connection, EPOLL_CTL_MOD, false);
  rest(connection, now);
}

/// The connection has nothing to do: asks again at once, or when it is due.
void Load::rest(Connection& connection, MonoTime now) {
  connection.state = Connection::State::idle;
  connection.since = now;
  if (options_.rate <= 0) return start_request(connection, now, now);
  idle_.push_back(static_cast<std::size_t>(&connection - connections_.data()));
}

void Load::send_due(MonoTime now) {
  if (options_.rate <= 0) return;
  if (now - next_due_ > most_behind) next_due_ = now;
  while (!idle_.empty() && next_due_ <= now) {
    auto& connection = connections_[idle_.front()];
    idle_.pop_front();
    if (connection.state != Connection::State::idle) continue;
    start_request(connection, next_due_, now);
    next_due_ += period_;
  }
}

void Load::start_request(Connection& connection, MonoTime due, MonoTime now) {
  connection.state = Connection::State::busy;
  connection.since = now;
  connection.due = due;
  connection.written = 0;
  connection.answer.reset();
  connection.out.clear();
  if (options_.get.empty()) {
    const auto wall = wall_now();
    auto& probe = probes_[connection.probe];
    writer_.write(probe, probe.next(options_.mix, random_, wall), wall, connection.out);
  } else {
    connection.out = get_request_;
  }
  write_some(connection, now);
}

void Load::write_some(Connection& connection, MonoTime now) {
  while (connection.written < connection.out.size()) {
    const auto count =
        send(connection.fd.get(), connection.out.data() + connection.written, connection.out.size() - connection.written, MSG_NOSIGNAL);
    if (count > 0) {
      connection.written += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      return watch(connection, EPOLL_CTL_MOD, true);
    } else {
      return drop(connection, now, result_.lost);
    }
  }
  if (connection.wants_write) watch(connection, EPOLL_CTL_MOD, false);
}

void Load::on_event(const epoll_event& event) {
  auto& connection = *static_cast<Connection*>(event.data.ptr);
  if (connection.state == Connection::State::connecting) return connected(connection, mono_now());
  if (connection.wants_write && (event.events & EPOLLOUT) != 0) write_some(connection, mono_now());
  if (connection.state != Connection::State::down && (event.events & ~EPOLLOUT) != 0) read_some(connection);
}

void Load::read_some(Connection& connection) {
  const auto count = recv(connection.fd.get(), scratch_.data(), scratch_.size(), 0);
  if (count < 0 && errno == EAGAIN) return;
  const auto now = mono_now();
  const bool was_busy = connection.state == Connection::State::busy;
  std::uint64_t not_counted = 0;  // An idle connection may be closed at any time.
  if (count <= 0 || !was_busy) return drop(connection, now, was_busy ? result_.lost : not_counted);
  result_.answer_bytes += static_cast<std::uint64_t>(count);
  switch (connection.answer.take({scratch_.data(), static_cast<std::size_t>(count)})) {
    case AnswerReader::Progress::incomplete:
      return;
    case AnswerReader::Progress::malformed:
      return drop(connection, now, result_.lost);
    case AnswerReader::Progress::complete:
      return answered(connection, now);
  }
}

void Load::answered(Connection& connection, MonoTime now) {
  ++answers_;
  const auto status = connection.answer.status();
  ++result_.statuses[status];
  const bool taken = status >= 200 && status < 300;
  if (taken) {
    const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(now - connection.due).count();
    result_.latency.add(static_cast<std::uint32_t>(std::clamp<std::int64_t>(latency, 0, UINT32_MAX)));
  }
  if (options_.get.empty()) {
    auto& probe = probes_[connection.probe];
    if (!taken && status < 500 && status != 429) probe.drop();
    if (taken && probe.acknowledged() && record_file_) {
      record_ += fmt::format("{} {} {} {}\n", probe.client_id(), probe.boot_id(), probe.current().seq,
                             nanoseconds(now.time_since_epoch()).count());
    }
    connection.probe += connections_.size();
    if (connection.probe >= probes_.size()) connection.probe %= connections_.size();
  }
  std::uint64_t not_counted = 0;
  if (connection.answer.closes()) return drop(connection, now, not_counted);
  rest(connection, now);
}

void Load::sweep(MonoTime now) {
  for (auto& connection : connections_) {
    const auto age = now - connection.since;
    if (connection.state == Connection::State::busy && age > options_.patience) drop(connection, now, result_.unanswered);
    if (connection.state == Connection::State::connecting && age > options_.patience) drop(connection, now, result_.refused);
    if (connection.state == Connection::State::down && age > reconnect_pause) connect(connection, now);
  }
}

/// One write per turn. Who reads the file while we write it must expect half a line at its end.
void Load::save_record() {
  std::string_view left = record_;
  while (!left.empty()) {
    const auto count = write(record_file_.get(), left.data(), left.size());
    if (count <= 0) throw FatalError(exit_failed, system_error(errno, "cannot write " + options_.record).message);
    left.remove_prefix(static_cast<std::size_t>(count));
  }
  record_.clear();
}

}  // namespace

std::uint64_t LoadResult::answers() const {
  return std::accumulate(statuses.begin(), statuses.end(), std::uint64_t{0}, [](auto sum, const auto& each) { return sum + each.second; });
}

LoadResult run_load(const LoadOptions& options) {
  struct sigaction action {};
  action.sa_handler = [](int) { told_to_stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  return Load(options).run();
}

}  // namespace vpn_sentinel
