#include "hub/http/loop.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "hub/http/reply.hpp"

namespace vpn_sentinel {

Loop::Loop(unsigned number, std::chrono::milliseconds sweep_period)
    : number_(number), sweep_period_(sweep_period), date_(imf_fixdate(wall_now())) {}

void Loop::start() {
  schedule_sweep();
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), fmt::format("http-{}", number_).c_str());
    const auto work = boost::asio::make_work_guard(io_);
    io_.run();
  });
}

void Loop::request_stop(std::chrono::milliseconds grace) {
  boost::asio::post(io_, [this, grace] { begin_stop(grace); });
}

void Loop::request_review() {
  boost::asio::post(io_, [this] {
    for (const auto& session : all_sessions()) session->review();
  });
}

void Loop::join() {
  if (thread_.joinable()) thread_.join();
}

void Loop::add(const std::shared_ptr<Session>& session, Sweep sweep) {
  session->held_ = session;
  ++sessions_;
  (sweep == Sweep::yes ? working_ : unswept_).push_back(*session);
}

void Loop::remove(const std::shared_ptr<Session>& session) {
  if (!std::exchange(session->held_, nullptr)) return;
  session->unlink();
  --sessions_;
  if (stopping_ && sessions_ == 0) finish_stop();
}

void Loop::rest(Session& session, SessionList& list) {
  session.unlink();
  list.push_back(session);
  session.resting_since_ = mono_now();
}

void Loop::work(Session& session) {
  session.unlink();
  working_.push_back(session);
}

std::vector<std::shared_ptr<Session>> Loop::all_sessions() {
  std::vector<std::shared_ptr<Session>> all;
  all.reserve(sessions_);
  const auto collect = [&](SessionList& list) {
    for (auto& session : list) all.push_back(session.shared_from_this());
  };
  collect(working_);
  collect(unswept_);
  for (auto& list : rest_lists_) collect(list);
  return all;
}

void Loop::schedule_sweep() {
  timer_.expires_after(sweep_period_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopping_) return;
    sweep();
    schedule_sweep();
  });
}

void Loop::sweep() {
  date_ = imf_fixdate(wall_now());
  const auto now = mono_now();
  for (auto next = working_.begin(); next != working_.end();) {
    const auto session = next->shared_from_this();
    ++next;  // first: a session that ends takes itself out of the list
    session->sweep(now);
  }
  for (auto& list : rest_lists_) {
    while (!list.empty()) {
      const auto session = list.front().shared_from_this();
      session->sweep(now);
      if (!list.empty() && &list.front() == session.get()) break;  // its time has not come, nor that of those behind it
    }
  }
  for (const auto& part : parts_) part.on_sweep();
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
  for (const auto& session : all_sessions()) session->begin_stop();
  if (sessions_ == 0) return finish_stop();
  timer_.expires_after(grace);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) finish_stop();
  });
}

void Loop::finish_stop() {
  // What a session holds (a subscription) must not outlive the server, so nothing is left to the io_context's destructor.
  for (const auto& session : all_sessions()) session->abort();
  io_.stop();
}

}  // namespace vpn_sentinel
