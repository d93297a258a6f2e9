#include "hub/app/alert_relay.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hub/alert/channel_protocol.hpp"
#include "netns/daemon/log.hpp"

namespace vpn_sentinel {
namespace {

constexpr auto no_channel = "there is no channel of that name any more";

/// The first one: they end in their order, and those that the store does not know share a number.
void remove(std::deque<StoredAlert>& waiting, std::int64_t id) {
  const auto found = std::ranges::find(waiting, id, &StoredAlert::id);
  if (found != waiting.end()) waiting.erase(found);
}

}  // namespace

void AlertRelay::take(std::vector<StoredAlert> alerts) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;  // they are in the store, and are sent after the next start
  for (auto& alert : alerts) {
    if (engine_ == nullptr) {
      held_.push_back(std::move(alert));
    } else {
      route(std::move(alert));
    }
  }
}

void AlertRelay::take_unstored(const Notice& notice) {
  const std::lock_guard lock(mutex_);
  if (ended_ || engine_ == nullptr) return;
  for (const auto& [name, lane] : lanes_) route({unstored, name, to_text(notice), wall_now(), 0});
}

/// With the lock.
void AlertRelay::route(StoredAlert alert) {
  const auto found = lanes_.find(alert.channel);
  if (found == lanes_.end()) {
    if (alert.id != unstored) engine_->alert_failed(alert.id, no_channel, true);
    return log(LogLevel::warning, "alert_refused",
               {{"channel", alert.channel}, {"id", alert.id}, {"reason", no_channel}, {"next", "given up"}});
  }
  auto& lane = found->second;
  lane.waiting.push_back(alert);
  if (lane.sender) lane.sender->enqueue({std::move(alert)});
}

/// With the lock.
void AlertRelay::run(const std::string& name, Lane& lane) {
  lane.standing.name = name;
  lane.standing.kind = to_string(lane.config.kind);
  lane.sender = ChannelSender::start(
      make_protocol(lane.config), {lane.config.first_retry, lane.config.most_retry},
      {[this, name](std::int64_t id, const std::string& remark) { on_delivered(name, id, remark); },
       [this, name](std::int64_t id, const std::string& reason, bool give_up) { on_failed(name, id, reason, give_up); }});
  lane.sender->enqueue({lane.waiting.begin(), lane.waiting.end()});
}

void AlertRelay::start(std::vector<ChannelConfig> channels, Engine& engine) {
  auto pending = engine.pending_alerts();
  const std::lock_guard lock(mutex_);
  engine_ = &engine;
  for (auto& channel : channels) {
    const auto name = channel.name;
    auto& lane = lanes_[name];
    lane.config = std::move(channel);
    run(name, lane);
  }
  for (auto& alert : pending) route(std::move(alert));  // older than what was held since
  for (auto& alert : std::exchange(held_, {})) route(std::move(alert));
}

void AlertRelay::apply(std::vector<ChannelConfig> channels) {
  const auto fresh_of = [&channels](const std::string& name) { return std::ranges::find(channels, name, &ChannelConfig::name); };
  std::vector<std::unique_ptr<ChannelSender>> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, lane] : lanes_) {
      const auto fresh = fresh_of(name);
      if (fresh == channels.end() || !(*fresh == lane.config)) ended.push_back(std::move(lane.sender));
    }
  }
  ended.clear();  // without the lock: their threads may be in one of the hooks
  const std::lock_guard lock(mutex_);
  std::deque<StoredAlert> orphans;
  std::erase_if(lanes_, [&](auto& entry) {
    const bool gone = fresh_of(entry.first) == channels.end();
    if (gone) std::ranges::move(entry.second.waiting, std::back_inserter(orphans));
    return gone;
  });
  for (auto& channel : channels) {
    const auto name = channel.name;
    auto& lane = lanes_[name];
    if (lane.sender) continue;
    lane.config = std::move(channel);
    run(name, lane);
  }
  for (auto& alert : orphans) route(std::move(alert));
}

void AlertRelay::stop() {
  std::map<std::string, Lane> lanes;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    for (auto& [name, lane] : lanes_) lanes[name].sender = std::move(lane.sender);
  }
  lanes.clear();  // without the lock: their threads may be in one of the hooks
}

std::vector<ChannelStanding> AlertRelay::standing() const {
  const std::lock_guard lock(mutex_);
  std::vector<ChannelStanding> list;
  for (const auto& [name, lane] : lanes_) {
    list.push_back(lane.standing);
    list.back().waiting = lane.waiting.size();
  }
  return list;
}

std::optional<ChannelConfig> AlertRelay::channel(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = lanes_.find(name);
  return found == lanes_.end() ? std::nullopt : std::optional(found->second.config);
}

void AlertRelay::on_delivered(const std::string& name, std::int64_t id, const std::string& remark) {
  const std::lock_guard lock(mutex_);
  if (id != unstored) engine_->alert_delivered(id);
  log(LogLevel::debug, "alert_delivered", {{"channel", name}, {"id", id}});
  if (!remark.empty()) log(LogLevel::warning, "alert_delivered_in_part", {{"channel", name}, {"id", id}, {"reason", remark}});
  const auto found = lanes_.find(name);
  if (found == lanes_.end()) return;
  auto& [config, sender, waiting, standing] = found->second;
  remove(waiting, id);
  ++standing.delivered;
  standing.last_error = remark;
  if (std::exchange(standing.failing, false)) log(LogLevel::info, "alerts_flow_again", {{"channel", name}});
}

void AlertRelay::on_failed(const std::string& name, std::int64_t id, const std::string& reason, bool give_up) {
  const std::lock_guard lock(mutex_);
  if (id != unstored) engine_->alert_failed(id, reason, give_up);
  const auto found = lanes_.find(name);
  if (found == lanes_.end()) return;
  auto& [config, sender, waiting, standing] = found->second;
  ++standing.failures;
  standing.last_error = reason;
  if (give_up) {
    ++standing.given_up;
    remove(waiting, id);
  }
  const bool again = std::exchange(standing.failing, true);
  const auto level = give_up || !again ? LogLevel::warning : LogLevel::debug;  // one line when the trouble begins, not one per attempt
  log(level, give_up ? "alert_refused" : "alert_not_delivered",
      {{"channel", name}, {"id", id}, {"reason", reason}, {"next", give_up ? "given up" : "trying again, nothing is lost"}});
}

}  // namespace vpn_sentinel
