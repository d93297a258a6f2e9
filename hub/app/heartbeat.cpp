#include "hub/app/heartbeat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "netns/daemon/log.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::milliseconds longest_request{10'000};

}  // namespace

Heartbeat::Heartbeat(Options options, std::function<bool()> works)
    : options_(std::move(options)), works_(std::move(works)), work_(boost::asio::make_work_guard(io_)), timer_(io_), client_(io_) {
  boost::asio::post(io_, [this] { beat(); });
  thread_ = std::thread([this] { io_.run(); });
}

Heartbeat::~Heartbeat() {
  io_.stop();
  thread_.join();
}

void Heartbeat::wait() {
  // Whoever waits for beats takes a missing one for the end of the hub: what was lost on the way is made up for soon.
  timer_.expires_after(failing_ ? std::min(options_.interval / 4, options_.most_retry) : options_.interval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) beat();
  });
}

void Heartbeat::beat() {
  if (!works_()) return wait();
  HttpRequest request;
  request.url = options_.url;
  request.timeout = std::min(options_.interval, longest_request);
  request.ca_file = options_.ca_file;
  client_.send(std::move(request), [this](const Result<HttpResponse>& response) {
    on_response(response);
    wait();
  });
}

void Heartbeat::on_response(const Result<HttpResponse>& response) {
  const bool taken = response && response->status >= 200 && response->status < 300;
  if (failing_.exchange(!taken) == !taken) return;
  if (taken) return log(LogLevel::info, "heartbeat_works");
  log(LogLevel::warning, "heartbeat_not_taken",
      {{"reason", response ? fmt::format("HTTP {}", response->status) : response.error().message}, {"next", "trying again"}});
}

}  // namespace vpn_sentinel
