#include "tests/bench/watch_thread.hpp"

#include <boost/asio/post.hpp>

#include "probe/watch/target_watch.hpp"
#include "tests/bench/protected_network.hpp"

namespace vpn_sentinel {

WatchThread::WatchThread() : thread_([this] { run(); }) {}

WatchThread::~WatchThread() {
  release();
  io_.stop();
  thread_.join();
}

void WatchThread::hold() {
  want_hold_ = true;
  boost::asio::post(io_, [this] {
    held_ = true;
    held_.notify_one();
    want_hold_.wait(true);
    held_ = false;
  });
  held_.wait(false);
}

void WatchThread::release() {
  want_hold_ = false;
  want_hold_.notify_one();
}

void WatchThread::run() {
  HttpClient http(io_);
  DnsClient dns(io_);
  TargetPolicy policy;
  policy.client_id = "bench";
  policy.tunnels = {ProtectedNetwork::tunnel};
  policy.offline = true;
  TargetWatch watch(io_, http, dns, policy, [this](const TargetWatch& told, const TargetWatch::Update& update) {
    const auto now = mono_now();
    const auto state = told.verdict().state;
    if (state == State::danger) {
      dangers_.note(now);
      heard_.note(update.noticed);
    }
    state_ = state;
  });
  watch.start();
  io_.run();
}

}  // namespace vpn_sentinel
