#include "hub/app/alert_relay.hpp"

#include <iterator>
#include <utility>

#include "netns/daemon/log.hpp"

namespace vpn_sentinel {

void AlertRelay::take(std::vector<StoredAlert> alerts) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;  // they are in the store, and are sent after the next start
  waiting_ += alerts.size();
  if (sender_) return sender_->enqueue(std::move(alerts));
  held_.insert(held_.end(), std::make_move_iterator(alerts.begin()), std::make_move_iterator(alerts.end()));
}

void AlertRelay::start(const TelegramOptions& options, Engine& engine) {
  auto pending = engine.pending_alerts();
  auto sender = TelegramSender::start(
      options, {[this, &engine](std::int64_t id) { on_delivered(id, engine); },
                [this, &engine](std::int64_t id, const std::string& reason, bool give_up) { on_failed(id, reason, give_up, engine); }});
  const std::lock_guard lock(mutex_);
  waiting_ += pending.size();
  sender_ = std::move(sender);
  sender_->enqueue(std::move(pending));  // older than what was held since
  sender_->enqueue(std::exchange(held_, {}));
}

void AlertRelay::stop() {
  std::unique_ptr<TelegramSender> sender;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    sender = std::move(sender_);
  }
  sender.reset();  // without the lock: its thread may be in one of the hooks
}

AlertRelay::Standing AlertRelay::standing() const {
  const std::lock_guard lock(mutex_);
  return {sender_ != nullptr, waiting_, failing_, delivered_, failures_, given_up_};
}

void AlertRelay::on_delivered(std::int64_t id, Engine& engine) {
  if (id != unstored) engine.alert_delivered(id);
  log(LogLevel::debug, "alert_delivered", {{"channel", "telegram"}, {"id", id}});
  const std::lock_guard lock(mutex_);
  ++delivered_;
  if (waiting_ > 0) --waiting_;
  if (std::exchange(failing_, false)) log(LogLevel::info, "alerts_flow_again", {{"channel", "telegram"}});
}

void AlertRelay::on_failed(std::int64_t id, const std::string& reason, bool give_up, Engine& engine) {
  if (id != unstored) engine.alert_failed(id, reason, give_up);
  const std::lock_guard lock(mutex_);
  ++failures_;
  if (give_up) ++given_up_;
  if (give_up && waiting_ > 0) --waiting_;
  const bool again = std::exchange(failing_, true);
  const auto level = give_up || !again ? LogLevel::warning : LogLevel::debug;  // one line when the trouble begins, not one per attempt
  log(level, give_up ? "alert_refused" : "alert_not_delivered",
      {{"channel", "telegram"}, {"id", id}, {"reason", reason}, {"next", give_up ? "given up" : "trying again, nothing is lost"}});
}

}  // namespace vpn_sentinel
