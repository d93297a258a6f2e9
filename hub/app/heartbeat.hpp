/// Who watches the watcher: a request to an address of the user's choice, as long as the hub does its work. Silence there is the alarm.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {

class Heartbeat {
 public:
  struct Options {
    std::string url;  ///< its path may be a secret
    std::chrono::milliseconds interval{60'000};
    std::string ca_file;                           ///< PEM bundle; empty: the system's
    std::chrono::milliseconds most_retry{60'000};  ///< a beat that was not taken comes again after a quarter of `interval`, or after this
    friend bool operator==(const Options&, const Options&) = default;
  };
  /// `works` is asked before each beat, on this object's thread; false: no beat.
  Heartbeat(Options options, std::function<bool()> works);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  /// The last beat was not taken. From any thread.
  [[nodiscard]] bool is_failing() const noexcept { return failing_; }

 private:
  void beat();
  void wait();
  void on_response(const Result<HttpResponse>& response);

  const Options options_;
  std::function<bool()> works_;
  std::atomic<bool> failing_{false};
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  HttpClient client_;
  std::thread thread_;
};

}  // namespace vpn_sentinel
