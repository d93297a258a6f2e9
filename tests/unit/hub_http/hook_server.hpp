/// A server that takes what comes, on a thread of its own: silent at /silent, refuses at /wrong.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/netns_clients/http_server.hpp"

namespace vpn_sentinel {

class HookServer {
 public:
  HookServer() : thread_([this] { io_.run(); }) {}
  ~HookServer() {
    io_.stop();
    thread_.join();
  }
  HookServer(const HookServer&) = delete;
  HookServer& operator=(const HookServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const { return server_.url(path); }
  /// How many requests begin so: "POST /good".
  [[nodiscard]] std::ptrdiff_t count(const std::string& line) {
    const std::lock_guard lock(mutex_);
    return count_of(line);
  }
  /// Waits until there are so many; the newest of them.
  std::string wait(const std::string& line, std::ptrdiff_t least) {
    std::unique_lock lock(mutex_);
    BOOST_REQUIRE(changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return count_of(line) >= least; }));
    return *std::find_if(taken_.rbegin(), taken_.rend(), [&](const auto& request) { return request.starts_with(line + " "); });
  }

 private:
  [[nodiscard]] std::ptrdiff_t count_of(const std::string& line) const {
    return std::ranges::count_if(taken_, [&](const auto& request) { return request.starts_with(line + " "); });
  }
  std::string reply(const std::string& request) {
    const std::lock_guard lock(mutex_);
    taken_.push_back(request);
    changed_.notify_all();
    if (request.starts_with("POST /silent ")) return "";
    return test::http_reply("no such hook", request.starts_with("POST /wrong ") ? "404 Not Found" : "200 OK");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> taken_;
  boost::asio::io_context io_;
  test::HttpServer server_{io_, [this](const std::string& request) { return reply(request); }};
  std::thread thread_;
};

}  // namespace vpn_sentinel
