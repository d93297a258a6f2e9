#include "netns/namespace/entering.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "netns/base/capabilities.hpp"

namespace vpn_sentinel {
namespace {

Result<void> enter(int space) {
  const RaisedCapabilities raised(rights_to_enter);
  if (::setns(space, CLONE_NEWNET) == 0) return {};
  auto error = system_error(errno, "cannot enter the network namespace");
  if (error.kind == Error::Kind::not_permitted) error.message += " (CAP_SYS_ADMIN is needed)";
  return fail(std::move(error));
}

Error no_thread(const std::system_error& error) {
  return system_error(error.code().value(), "cannot start a thread for the network namespace");
}

/// A thread that makes sockets in one namespace after the other. Used by one thread.
class SocketMaker {
 public:
  /// `home`: the namespace of the calling thread, in which the new one begins.
  explicit SocketMaker(Fd home) : home_(std::move(home)), process_(::getpid()), thread_([this] { serve(); }) {}
  SocketMaker(const SocketMaker&) = delete;
  SocketMaker& operator=(const SocketMaker&) = delete;
  ~SocketMaker() {
    change(Turn::end);
    thread_.join();
  }

  [[nodiscard]] bool is_mine() const noexcept { return process_ == ::getpid(); }
  /// False after the way home was refused: the thread has ended.
  [[nodiscard]] bool is_home() {
    const std::lock_guard lock(mutex_);
    return turn_ != Turn::lost;
  }

  Result<void> make(int space, const SocketSort& sort, std::span<Fd> into) {
    order_ = {space, sort, into};
    change(Turn::order);
    wait_while(Turn::order);
    return std::move(result_);
  }

 private:
  enum class Turn { rest, order, end, lost };
  struct Order {
    int space = -1;
    SocketSort sort;
    std::span<Fd> into;
  };

  // Not std::atomic::wait: that one yields the processor before it sleeps, which takes long where others want it.
  void change(Turn turn) {
    {
      const std::lock_guard lock(mutex_);
      turn_ = turn;
    }
    changed_.notify_one();
  }
  Turn wait_while(Turn turn) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ != turn; });
    return turn_;
  }

  void serve() {
    // Whoever asked may have raised some for himself.
    rest_capabilities(rights_to_enter | rights_to_look);
    while (wait_while(Turn::rest) == Turn::order) change(carry_out() ? Turn::rest : Turn::lost);
  }
  /// False: the thread is not at home.
  bool carry_out() {
    result_ = enter(order_.space);
    if (!result_) return true;
    result_ = make_sockets(order_.sort, order_.into);
    return enter(home_.get()).has_value();
  }

  Fd home_;
  pid_t process_;
  Order order_;
  Result<void> result_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Turn turn_ = Turn::rest;
  std::thread thread_;
};

/// A child process has a copy of the object and not the thread, for which it would wait for ever: it leaves the copy alone.
struct DestroyMine {
  void operator()(SocketMaker* maker) const noexcept {
    if (maker->is_mine()) delete maker;
  }
};

/// That of the calling thread; null where none can be kept.
SocketMaker* kept_maker() {
  thread_local std::unique_ptr<SocketMaker, DestroyMine> maker;
  if (maker && !maker->is_mine()) maker.reset();
  if (maker) return maker->is_home() ? maker.get() : nullptr;
  Fd home{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
  if (home) maker.reset(new SocketMaker(std::move(home)));
  return maker.get();
}

}  // namespace

Result<void> run_guarded(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const std::exception& error) {
    return fail(Error::Kind::failed, error.what());
  } catch (...) {
    return fail(Error::Kind::failed, "an exception of unknown type");
  }
}

Result<void> enter_and_run(int space, const std::function<void()>& work) {
  Result<void> result;
  try {
    std::jthread([&] {
      result = enter(space);
      if (result) result = run_guarded(work);
    }).join();
  } catch (const std::system_error& error) {
    return fail(no_thread(error));
  }
  return result;
}

Result<void> make_sockets(const SocketSort& sort, std::span<Fd> into) {
  for (auto& fd : into) {
    fd = Fd{::socket(sort.domain, sort.type | SOCK_CLOEXEC | SOCK_NONBLOCK, sort.protocol)};
    if (!fd) return fail(system_error(errno, "socket"));
  }
  return {};
}

Result<void> make_sockets_in(int space, const SocketSort& sort, std::span<Fd> into) {
  try {
    if (auto* const maker = kept_maker()) return maker->make(space, sort, into);
  } catch (const std::system_error& error) {
    return fail(no_thread(error));
  }
  Result<void> made;
  auto inside = enter_and_run(space, [&] { made = make_sockets(sort, into); });
  return inside ? made : inside;
}

}  // namespace vpn_sentinel
