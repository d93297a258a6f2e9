/// One I/O thread of the server: an io_context, the sessions that live on it, and the mailbox through which other threads answer.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "hub/http/session.hpp"

namespace vpn_sentinel {

/// Shared: an answer that comes after the server has gone still finds its Loop, whose thread has ended.
class Loop : public std::enable_shared_from_this<Loop> {
 public:
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start(unsigned number);
  /// Ends idle sessions at once and busy ones after their reply, at the latest after `grace`. From another thread.
  void request_stop(std::chrono::milliseconds grace);
  void join();

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] Executor executor() noexcept { return io_.get_executor(); }

  // On the loop's thread:
  void add(std::shared_ptr<Session> session) { sessions_.insert(std::move(session)); }
  void remove(const std::shared_ptr<Session>& session);
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  /// Every read lands here first; an idle connection owns no buffer (measured: 1.0 KB instead of 3 KB each).
  [[nodiscard]] std::span<char> scratch() noexcept { return scratch_; }
  /// The Date header, renewed once per second.
  [[nodiscard]] std::string_view date() const noexcept { return date_; }
  /// Called once per second, and told when the loop stops.
  struct Part {
    std::function<void()> every_second;
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
  void schedule_sweep();
  void sweep();
  void empty_mailbox();
  void begin_stop(std::chrono::milliseconds grace);
  void finish_stop();

  boost::asio::io_context io_{1};
  boost::asio::steady_timer timer_{io_};
  std::unordered_set<std::shared_ptr<Session>> sessions_;
  std::vector<Part> parts_;
  std::array<char, 64 * 1024> scratch_{};
  std::string date_;
  bool stopping_ = false;
  std::mutex mailbox_mutex_;
  std::vector<Delivery> mailbox_;
  std::thread thread_;
};

}  // namespace vpn_sentinel
