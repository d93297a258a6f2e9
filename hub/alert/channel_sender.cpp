#include "hub/alert/channel_sender.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <thread>
#include <utility>

#include "netns/base/backoff.hpp"
#include "netns/base/random.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// More stay in the store until the next start; the engine never has more than this under way.
constexpr std::size_t most_waiting = 1'000;
/// So many messages that are refused one after the other are not to blame themselves.
constexpr std::size_t most_doubtful = 20;

/// One message at a time: only so a channel keeps the order.
class Sender final : public ChannelSender {
 public:
  Sender(const MakeProtocol& make, Pace pace, Hooks hooks)
      : pace_(pace),
        hooks_(std::move(hooks)),
        work_(boost::asio::make_work_guard(io_)),
        timer_(io_),
        protocol_(make(io_)),
        backoff_(pace.first_retry, pace.most_retry),
        thread_([this] { io_.run(); }) {}

  ~Sender() override {
    io_.stop();
    protocol_->abort();
    thread_.join();
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void enqueue(std::vector<StoredAlert> alerts) override {
    boost::asio::post(io_, [this, alerts = std::move(alerts)]() mutable {
      for (auto& alert : alerts) {
        if (waiting_.size() < most_waiting) waiting_.push_back(std::move(alert));
      }
      if (!busy_) send_next();
    });
  }

 private:
  void send_next() {
    if (waiting_.empty()) take_back_doubtful();
    busy_ = !waiting_.empty();
    if (!busy_) return;
    protocol_->send(waiting_.front(), simple_, [this](const Delivery& delivery) { on_delivery(delivery); });
  }

  void on_delivery(const Delivery& delivery) {
    switch (delivery.kind) {
      case Delivery::Kind::delivered:
        give_up_doubtful();
        return finish([&](std::int64_t id) { hooks_.on_delivered(id, delivery.reason); });
      case Delivery::Kind::bad_text:
        if (try_simple()) return;
        return finish([&](std::int64_t id) { hooks_.on_failed(id, delivery.reason, true); });
      case Delivery::Kind::refused:
        if (try_simple()) return;
        return doubt(delivery.reason);
      case Delivery::Kind::wrong_setup:
        return retry(delivery.reason, delivery.pause.value_or(pace_.most_retry));
      case Delivery::Kind::try_again: {
        const milliseconds own = backoff_.next(random_unit());
        return retry(delivery.reason, delivery.pause.value_or(own));
      }
    }
  }

  /// An alert with wrong tags is better than none: once more as plain text.
  bool try_simple() {
    if (!protocol_->has_simple() || std::exchange(simple_, true)) return false;
    send_next();
    return true;
  }

  /// The words of a later version may mean this text or every text. It steps aside, so that the next one shows which: when that one is
  /// delivered, the channel takes messages and this one is refused for good; when none is, it was not the text, and nothing is given up.
  void doubt(const std::string& reason) {
    simple_ = false;
    doubtful_.push_back({std::move(waiting_.front()), reason});
    waiting_.pop_front();
    if (!waiting_.empty() && doubtful_.size() < most_doubtful) return send_next();
    retry(reason, pace_.most_retry);
  }

  void take_back_doubtful() {
    for (; !doubtful_.empty(); doubtful_.pop_back()) waiting_.push_front(std::move(doubtful_.back().alert));
  }

  void give_up_doubtful() {
    for (const auto& [alert, reason] : std::exchange(doubtful_, {})) hooks_.on_failed(alert.id, reason, true);
  }

  template <typename Tell>
  void finish(Tell tell) {
    const auto id = waiting_.front().id;
    waiting_.pop_front();
    simple_ = false;
    backoff_.reset();
    tell(id);
    send_next();
  }

  void retry(const std::string& reason, milliseconds pause) {
    take_back_doubtful();  // what comes after a while shows nothing about what was before
    hooks_.on_failed(waiting_.front().id, reason, false);
    timer_.expires_after(pause);
    timer_.async_wait([this](boost::system::error_code error) {
      if (!error) send_next();
    });
  }

  Pace pace_;
  Hooks hooks_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<Protocol> protocol_;
  Backoff backoff_;
  struct Doubtful {
    StoredAlert alert;
    std::string reason;
  };

  std::deque<StoredAlert> waiting_;
  std::deque<Doubtful> doubtful_;  ///< refused in words that nobody knows, before the one at the front of `waiting_`
  bool busy_ = false;
  bool simple_ = false;  ///< of the message at the front
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ChannelSender> ChannelSender::start(const MakeProtocol& make, Pace pace, Hooks hooks) {
  return std::make_unique<Sender>(make, pace, std::move(hooks));
}

}  // namespace vpn_sentinel
