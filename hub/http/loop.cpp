#include "hub/http/loop.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "hub/http/reply.hpp"

namespace vpn_sentinel {

Loop::Loop() : date_(imf_fixdate(wall_now())) {}

void Loop::start(unsigned number) {
  schedule_sweep();
  thread_ = std::thread([this, number] {
    pthread_setname_np(pthread_self(), fmt::format("http-{}", number).c_str());
    const auto work = boost::asio::make_work_guard(io_);
    io_.run();
  });
}

void Loop::request_stop(std::chrono::milliseconds grace) {
  boost::asio::post(io_, [this, grace] { begin_stop(grace); });
}

void Loop::join() {
  if (thread_.joinable()) thread_.join();
}

void Loop::remove(const std::shared_ptr<Session>& session) {
  sessions_.erase(session);
  if (stopping_ && sessions_.empty()) finish_stop();
}

void Loop::schedule_sweep() {
  timer_.expires_after(std::chrono::seconds{1});
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopping_) return;
    sweep();
    schedule_sweep();
  });
}

void Loop::sweep() {
  date_ = imf_fixdate(wall_now());
  const auto now = mono_now();
  // A copy: sessions that end take themselves out of the set.
  const std::vector<std::shared_ptr<Session>> sessions(sessions_.begin(), sessions_.end());
  for (const auto& session : sessions) session->sweep(now);
  for (const auto& part : parts_) part.every_second();
}

void Loop::deliver(std::weak_ptr<Session> session, std::uint64_t request, Response response) {
  if (executor().running_in_this_thread()) {
    if (const auto found = session.lock()) found->answer(request, std::move(response));
    return;
  }
  bool first = false;
  {
    const std::lock_guard lock(mailbox_mutex_);
    first = mailbox_.empty();
    mailbox_.push_back({std::move(session), request, std::move(response)});
  }
  if (first) boost::asio::post(io_, [this] { empty_mailbox(); });
}

void Loop::empty_mailbox() {
  std::vector<Delivery> deliveries;
  {
    const std::lock_guard lock(mailbox_mutex_);
    deliveries.swap(mailbox_);
  }
  for (auto& delivery : deliveries) {
    if (const auto session = delivery.session.lock()) session->answer(delivery.request, std::move(delivery.response));
  }
}

void Loop::begin_stop(std::chrono::milliseconds grace) {
  stopping_ = true;
  for (const auto& part : parts_) part.on_stop();
  const std::vector<std::shared_ptr<Session>> sessions(sessions_.begin(), sessions_.end());
  for (const auto& session : sessions) session->begin_stop();
  if (sessions_.empty()) return finish_stop();
  timer_.expires_after(grace);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish_stop();
  });
}

void Loop::finish_stop() {
  // What a session holds (a subscription) must not outlive the server, so nothing is left to the io_context's destructor.
  const auto sessions = std::exchange(sessions_, {});
  for (const auto& session : sessions) session->abort();
  io_.stop();
}

}  // namespace vpn_sentinel
