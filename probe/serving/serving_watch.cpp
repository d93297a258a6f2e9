#include "probe/serving/serving_watch.hpp"

#include <time.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "netns/base/capabilities.hpp"
#include "netns/base/helper_thread.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// The kernel keeps some thousand logged packets; so many are taken at a time.
constexpr auto drain_period = 250ms;
/// Another program may let go of the group.
constexpr auto listen_again = 60s;
constexpr int rest_factor = 50;
/// Targets that are looked at at about the same time share one look through /proc.
constexpr auto shared = 4s;

/// What the calling thread has used of a processor: a look that waits for others, or for its turn, costs nothing.
std::chrono::nanoseconds thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

struct LooksAtPorts;

}  // namespace

ServingWatch::ServingWatch(boost::asio::io_context& io, ServingPolicy policy, std::function<void()> on_news)
    : io_(io), policy_(std::move(policy)), on_news_(std::move(on_news)), drain_timer_(io), state_(policy_.ports) {}

void ServingWatch::attach(const NetNamespace& space) {
  detach();
  if (!is_asked_for()) return;
  looker_ = std::make_shared<PortLooker>(space, policy_.ports);
  opener_ = space.opener();
  next_look_ = next_listen_ = {};
  if (!policy_.nflog_group) {
    state_.end_blocked("no group of logged packets is named (VPN_SENTINEL_LISTEN_NFLOG_GROUP)");
  } else {
    listen();
  }
}

void ServingWatch::detach() {
  drain_timer_.cancel();
  blocked_.reset();
  opener_.reset();
  looker_.reset();
  looking_ = looked_ = false;
  state_ = ServingState(policy_.ports);
}

void ServingWatch::refresh(const Snapshot& snapshot, std::chrono::milliseconds pause) {
  if (!looker_) return;
  const auto now = mono_now();
  if (policy_.nflog_group && !blocked_ && now >= next_listen_) listen();
  if (looking_ || now < next_look_) return;
  looking_ = true;
  // The looker goes with the question: who detaches lets go of it, and the answer finds nobody.
  boost::asio::use_service<HelperThread<LooksAtPorts, TunnelPrograms>>(io_).run(
      [this, &io = io_, weak = std::weak_ptr(looker_), ground = serving_ground(snapshot), pause](TunnelPrograms& programs) {
        auto looker = weak.lock();
        if (!looker) return;
        const RaisedCapabilities raised(rights_to_look);
        const auto before = thread_time();
        Looked looked{looker->look(ground, programs, mono_now() - shared), {}};
        looked.took = std::chrono::ceil<std::chrono::milliseconds>(thread_time() - before);
        // On the loop it must be the watch's own hold that shows whether anybody still wants it.
        looker.reset();
        boost::asio::post(io, [this, weak, looked = std::move(looked), pause] {
          if (weak.lock() != nullptr) take(looked, pause);
        });
      });
}

void ServingWatch::take(const Looked& looked, std::chrono::milliseconds pause) {
  looking_ = false;
  looked_ = true;
  next_look_ = mono_now() + std::max(pause, looked.took * rest_factor);
  state_.take(looked.ports, wall_now(), mono_now());
  if (on_news_) on_news_();
}

void ServingWatch::listen() {
  next_listen_ = mono_now() + listen_again;
  auto opened = NflogListener::open(*opener_, *policy_.nflog_group);
  if (!opened) return state_.end_blocked(opened.error().message);
  blocked_ = std::move(*opened);
  state_.begin_blocked(wall_now());
  drain();
}

void ServingWatch::drain() {
  drain_timer_.expires_after(drain_period);
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || !blocked_) return;
    const auto heard = blocked_->take();
    if (!heard) {
      blocked_.reset();
      return state_.end_blocked(heard.error().message);
    }
    state_.take_blocked(*heard, wall_now(), mono_now());
    if (on_news_ && !heard->packets.empty()) on_news_();
    drain();
  });
}

}  // namespace vpn_sentinel
