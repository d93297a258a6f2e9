/// One I/O thread of the server: an io_context, the sessions that live on it, and the mailbox through which other threads answer.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "hub/http/session.hpp"

namespace vpn_sentinel {

/// The concrete executor: type-erased ones cost an allocation and a virtual call per operation.
using Executor = boost::asio::io_context::executor_type;

/// Shared: an answer that comes after the server has gone still finds its Loop, whose thread has ended.
class Loop : public std::enable_shared_from_this<Loop> {
 public:
  /// `number` counts the loops of one server from 0. Time limits are looked at once per `sweep_period`.
  Loop(unsigned number, std::chrono::milliseconds sweep_period);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start();
  /// Ends idle sessions at once and busy ones after their reply, at the latest after `grace`. From another thread.
  void request_stop(std::chrono::milliseconds grace);
  /// Each session looks whether it may go on. From another thread.
  void request_review();
  void join();

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] Executor executor() noexcept { return io_.get_executor(); }
  [[nodiscard]] unsigned number() const noexcept { return number_; }

  /// A list for sessions that rest, as long as the loop. Before start().
  [[nodiscard]] SessionList& add_rest_list() { return rest_lists_.emplace_back(); }

  // On the loop's thread:
  enum class Sweep { yes, no };
  /// `no`: the session has timers of its own.
  void add(const std::shared_ptr<Session>& session, Sweep sweep);
  void remove(const std::shared_ptr<Session>& session);
  /// The session, a member already, waits for its peer: it goes to the end of `list` and is swept only when it is the first there, so that
  /// thousands of idle ones cost nothing. All of one list must be allowed to rest for the same time.
  static void rest(Session& session, SessionList& list);
  /// It is swept each time again.
  void work(Session& session);
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  /// Every read lands here first; an idle connection owns no buffer (measured: 1.0 KB instead of 3 KB each).
  [[nodiscard]] std::span<char> scratch() noexcept { return scratch_; }
  /// The Date header, renewed with each sweep.
  [[nodiscard]] std::string_view date() const noexcept { return date_; }
  /// Called with each sweep, and told when the loop stops.
  struct Part {
    std::function<void()> on_sweep;
    std::function<void()> on_stop;
  };
  void add_part(Part part) { parts_.push_back(std::move(part)); }  ///< before start()

  /// From any thread: hands the answer to the session on the loop's thread. Answers that arrive together cost one wake-up.
  void deliver(std::weak_ptr<Session> session, std::uint64_t request, Response response);

 private:
  struct Delivery {
    std::weak_ptr<Session> session;
    std::uint64_t request;
    Response response;
  };
  [[nodiscard]] std::vector<std::shared_ptr<Session>> all_sessions();
  void schedule_sweep();
  void sweep();
  void empty_mailbox();
  void begin_stop(std::chrono::milliseconds grace);
  void finish_stop();

  const unsigned number_;
  const std::chrono::milliseconds sweep_period_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer timer_{io_};
  SessionList working_;
  SessionList unswept_;
  std::deque<SessionList> rest_lists_;
  std::size_t sessions_ = 0;
  std::vector<Part> parts_;
  std::array<char, 64 * 1024> scratch_{};
  std::string date_;
  bool stopping_ = false;
  std::mutex mailbox_mutex_;
  std::vector<Delivery> mailbox_;
  std::thread thread_;
};

}  // namespace vpn_sentinel
