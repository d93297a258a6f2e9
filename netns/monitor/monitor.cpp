#include "netns/monitor/monitor.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "netns/base/random.hpp"
#include "netns/monitor/change_gate.hpp"
#include "netns/monitor/follower.hpp"

namespace vpn_sentinel {
namespace {

using boost::asio::posix::stream_descriptor;
using ErrorCode = boost::system::error_code;

/// 100,000 routes take 30 ms; a kernel that needs longer than this is not answering.
constexpr std::chrono::seconds dump_patience{5};
/// A flood must not keep the loop from everything else, and its first change must not wait for its last: about 0.5 ms.
constexpr std::size_t most_messages_per_turn = 256;
/// A part that may have changed silently is dumped this much later: the kernel announces a link's end before it flushes the routes, and
/// until it is done (15-22 ms) older kernels would let a dump, and with it the whole loop, wait. Doubles while events go on disturbing
/// the dump, so that a busy router is not dumped all the time.
constexpr std::chrono::milliseconds first_pause{20};
constexpr std::chrono::milliseconds longest_pause{1000};
/// A table that is larger is not read again without a reason: 10,000 routes take 3 ms of the loop.
constexpr std::size_t most_routes_to_reread = 10'000;
/// Those of 1,000 targets that began together drift apart.
constexpr double reread_spread = 0.25;

/// Shared between the owner's handle and the handlers under way, which end when `stopped_` is set.
class Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(boost::asio::io_context& io, SocketOpener opener, Monitor::Listener listener, Follower follower,
        std::chrono::milliseconds reread_after)
      : io_(io),
        opener_(std::move(opener)),
        listener_(std::move(listener)),
        follower_(std::move(follower)),
        reread_after_(reread_after),
        descriptor_(io),
        pause_over_(io),
        may_tell_(io),
        reread_(io) {}

  Result<void> start() {
    if (auto attached = attach(); !attached) return attached;
    look_again_later();
    reread_later();
    wait();
    return {};
  }

  void stop() {
    stopped_ = true;
    detach();
    pause_over_.cancel();
    may_tell_.cancel();
    reread_.cancel();
  }

  [[nodiscard]] const Snapshot& snapshot() const noexcept { return follower_.snapshot(); }
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  [[nodiscard]] std::optional<MonoTime> out_of_step_since() const noexcept { return follower_.out_of_step_since(); }

 private:
  /// The follower owns the descriptor, Asio only waits for it.
  Result<void> attach() {
    ErrorCode error;
    descriptor_.assign(follower_.fd(), error);
    if (error) return fail(system_error(error.value(), "cannot wait for the netlink socket"));
    ++socket_number_;
    return {};
  }
  void detach() {
    if (descriptor_.is_open()) descriptor_.release();
  }

  void wait() {
    // A wait for an earlier socket may have ended well just before that socket was replaced.
    descriptor_.async_wait(stream_descriptor::wait_read, [self = shared_from_this(), number = socket_number_](const ErrorCode& error) {
      if (!error && number == self->socket_number_) self->take_turn();
    });
  }

  void take_turn() {
    if (stopped_) return;
    const auto turn = follower_.read(most_messages_per_turn);
    tell(turn);
    if (stopped_) return;
    if (turn.failure) return recover(*turn.failure);
    if (turn.resynchronised) reopened_ = false;
    if (auto started = follower_.start_dump(); !started) return recover(started.error());
    look_again_later();
    if (!turn.more) return wait();
    boost::asio::post(io_, [self = shared_from_this()] { self->take_turn(); });
  }

  /// First the listener, then everything else: it looks for itself, and each microsecond counts.
  void tell(const Follower::Turn& turn) {
    if (!turn.burst.changed && !turn.resynchronised) return;
    auto cause = turn.burst.cause.empty() ? std::string("everything was read again after a loss") : turn.burst.cause;
    gate_.add({turn.received, turn.burst.telling, std::move(cause), turn.resynchronised});
    tell_what_may_be_told();
  }
  void tell_what_may_be_told() {
    if (auto change = gate_.take(mono_now())) {
      return tell({++generation_, change->received, std::move(change->cause), change->resynchronised});
    }
    const auto wait = gate_.again_in();
    if (!wait || waiting_to_tell_) return;
    waiting_to_tell_ = true;
    may_tell_.expires_after(*wait);
    may_tell_.async_wait([self = shared_from_this()](const ErrorCode& error) {
      self->waiting_to_tell_ = false;
      if (!error && !self->stopped_) self->tell_what_may_be_told();
    });
  }
  void tell(const Monitor::Change& change) {
    if (listener_.on_change) listener_.on_change(change);
  }

  void look_again_later() {
    if (!follower_.has_doubts()) {
      if (follower_.settled()) pause_ = first_pause;
      return;
    }
    if (pausing_) return;
    pausing_ = true;
    pause_over_.expires_after(pause_);
    pause_ = std::min(pause_ * 2, longest_pause);
    pause_over_.async_wait([self = shared_from_this()](const ErrorCode& error) {
      self->pausing_ = false;
      if (!error && !self->stopped_) self->look_again();
    });
  }

  void look_again() {
    follower_.want_doubtful();
    if (auto started = follower_.start_dump(); !started) recover(started.error());
  }

  /// Finds what no message told: whatever the kernel leaves out, or this program took wrongly, is put right after a while.
  void reread_later() {
    const auto spread = std::chrono::duration<double, std::milli>(reread_after_) * (1.0 + reread_spread * random_unit());
    reread_.expires_after(std::chrono::duration_cast<std::chrono::milliseconds>(spread));
    reread_.async_wait([self = shared_from_this()](const ErrorCode& error) {
      if (error || self->stopped_) return;
      self->reread_later();
      const bool quiet = self->follower_.settled() && !self->follower_.has_doubts();
      if (!quiet || self->follower_.snapshot().routes.size() > most_routes_to_reread) return;
      self->follower_.doubt_everything();
      self->look_again();
    });
  }

  /// A socket that fails again before everything was read from the new one will not get better.
  void recover(const Error& failure) {
    detach();
    if (std::exchange(reopened_, true)) return give_up(failure);
    if (auto opened = follower_.reopen(opener_); !opened) return give_up(opened.error());
    if (auto attached = attach(); !attached) return give_up(attached.error());
    tell({++generation_, mono_now(), "the connection to the kernel failed and was opened again", false});
    if (stopped_) return;
    if (auto started = follower_.start_dump(); !started) return give_up(started.error());
    wait();
  }

  void give_up(const Error& failure) {
    stop();
    if (listener_.on_blind) listener_.on_blind(failure);
  }

  boost::asio::io_context& io_;
  SocketOpener opener_;
  Monitor::Listener listener_;
  Follower follower_;
  std::chrono::milliseconds reread_after_;
  stream_descriptor descriptor_;
  boost::asio::steady_timer pause_over_;
  boost::asio::steady_timer may_tell_;
  boost::asio::steady_timer reread_;
  ChangeGate gate_;
  std::chrono::milliseconds pause_ = first_pause;
  std::uint64_t generation_ = 1;
  unsigned socket_number_ = 0;
  bool pausing_ = false;
  bool waiting_to_tell_ = false;
  bool reopened_ = false;
  bool stopped_ = false;
};

class KernelMonitor final : public Monitor {
 public:
  explicit KernelMonitor(std::shared_ptr<Watch> watch) : watch_(std::move(watch)) {}
  KernelMonitor(const KernelMonitor&) = delete;
  KernelMonitor& operator=(const KernelMonitor&) = delete;
  ~KernelMonitor() override { watch_->stop(); }

  [[nodiscard]] const Snapshot& snapshot() const noexcept override { return watch_->snapshot(); }
  [[nodiscard]] std::uint64_t generation() const noexcept override { return watch_->generation(); }
  [[nodiscard]] std::optional<MonoTime> out_of_step_since() const noexcept override { return watch_->out_of_step_since(); }

 private:
  std::shared_ptr<Watch> watch_;
};

}  // namespace

Result<std::unique_ptr<Monitor>> Monitor::start(boost::asio::io_context& io, const SocketOpener& opener, Listener listener,
                                                int receive_buffer, std::chrono::milliseconds reread_after) {
  auto follower = Follower::open(opener, Follower::Mode::follow, receive_buffer);
  if (!follower) return fail(follower.error());
  if (auto read = follower->read_everything(mono_now() + dump_patience); !read) return fail(read.error());
  auto watch = std::make_shared<Watch>(io, opener, std::move(listener), std::move(*follower), reread_after);
  if (auto started = watch->start(); !started) return fail(started.error());
  return std::make_unique<KernelMonitor>(std::move(watch));
}

Result<Snapshot> take_snapshot(const SocketOpener& opener) {
  auto follower = Follower::open(opener, Follower::Mode::look_once);
  if (!follower) return fail(follower.error());
  if (auto read = follower->read_everything(mono_now() + dump_patience); !read) return fail(read.error());
  return std::move(*follower).snapshot();
}

}  // namespace vpn_sentinel
