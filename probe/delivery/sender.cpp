#include "probe/delivery/sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

#include "probe/delivery/hub_answer.hpp"
#include "probe/delivery/hub_channel.hpp"
#include "probe/delivery/hub_choice.hpp"
#include "probe/delivery/sending_client.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

Error no_way() { return {Error::Kind::unreachable, "there is no way to the hub: the tunnel is down and there is no uplink"}; }

/// A batch that was this large did not pass in time, or the hub finds it too large.
std::size_t smaller(std::size_t reports) { return reports / 4 > Sender::few ? reports / 4 : 1; }
std::size_t larger(std::size_t reports) { return std::min(std::max(reports, Sender::few) * 2, Sender::most_batch); }

std::vector<std::shared_ptr<HubChannel>> channels_of(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const HubAddress& hub) {
  std::vector<std::shared_ptr<HubChannel>> channels;
  for (const auto& url : hub.urls) channels.push_back(std::make_shared<HubChannel>(io, http, dns, hub, url));
  return channels;
}

using Client = SendingClient;

/// Shared, so that handlers of the loop that come after the sender's end find it gone.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, Outbox& outbox, const HubAddress& hub, Sender::Hooks hooks)
      : io_(io),
        outbox_(outbox),
        hooks_(std::move(hooks)),
        http_(http),
        channels_(channels_of(io, http, dns, hub)),
        choice_(channels_.size(), hub.look_back),
        drain_timer_(io) {}

  /// What earlier runs left goes first.
  void start() {
    boost::asio::post(io_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->pump_all();
    });
  }

  void submit(OutboxItem item) {
    auto& client = client_of(item.report.client_id);
    client.leaving = false;
    auto& lane = client.lane(item.is_change);
    outbox_.enqueue(std::move(item));
    // News of a change is a reason to try now, however long the hub has been away; a keepalive waits.
    if (lane.is_change) prompt(client);
    pump(client, lane);
  }

  void forget(const std::string& id) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    found->second->leaving = true;
    let_go(id);
  }

  [[nodiscard]] std::size_t clients() const noexcept { return clients_.size(); }

  void kick() {
    http_.drop_connections();
    for (auto& [id, client] : clients_) {
      for (auto& trust : client->trust) trust = WayTrust{};
      for (auto* const lane : {&client->changes, &client->keepalives}) {
        lane->backoff.reset();
        if (lane->state == Lane::State::in_flight) lane->kicked = true;
      }
    }
    wake_waiting();
  }

  void drain(milliseconds deadline, std::function<void()> done) {
    drained_ = std::move(done);
    drain_timer_.expires_after(deadline);
    drain_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (self && !error) self->end_drain();
    });
    pump_all();
    wake_waiting();
    end_drain_if_empty();
  }

  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

 private:
  using ClientPtr = std::shared_ptr<Client>;

  Client& client_of(const std::string& id) {
    auto& client = clients_[id];
    if (!client) client = std::make_shared<Client>(io_, id, channels_.size());
    return *client;
  }

  /// Of a client that nobody watches any more, once nothing waits and nothing is under way. Later, because the caller may hold it.
  void let_go(const std::string& id) {
    boost::asio::post(io_, [weak = weak_from_this(), id] {
      const auto self = weak.lock();
      if (!self) return;
      const auto found = self->clients_.find(id);
      if (found == self->clients_.end()) return;
      const auto& client = *found->second;
      const bool idle = client.changes.state == Lane::State::idle && client.keepalives.state == Lane::State::idle;
      if (client.leaving && idle && !self->outbox_.front(id)) self->clients_.erase(found);
    });
  }

  void pump_all() {
    for (const auto& id : outbox_.clients()) {
      auto& client = client_of(id);
      pump(client, client.changes);
      pump(client, client.keepalives);
    }
  }

  void wake_waiting() {
    for (auto& [id, client] : clients_) {
      wake(*client, client->changes);
      wake(*client, client->keepalives);
    }
  }

  void wake(Client& client, Lane& lane) {
    if (lane.state != Lane::State::waiting) return;
    lane.state = Lane::State::idle;
    pump(client, lane);
  }

  /// A try of the changes before its time; if it fails too, the next one comes when it would have come anyway.
  void prompt(Client& client) {
    auto& changes = client.changes;
    if (changes.state != Lane::State::waiting || changes.demanded_wait) return;
    changes.prompted = true;
    wake(client, changes);
  }

  /// Begins a try when the lane is free and something waits.
  void pump(Client& client, Lane& lane) {
    if (lane.state != Lane::State::idle) return;
    const auto* const change = outbox_.front_change(client.id);
    // To the hub, what comes after a newer report is history: no keepalive may overtake a change. It is a reason to try that one.
    if (!lane.is_change && change) return prompt(client);
    if (lane.is_change ? !change : !outbox_.keepalive(client.id)) return;
    lane.timer.cancel();
    lane.state = Lane::State::in_flight;
    lane.hubs = choice_.order(lane.is_change, mono_now());
    lane.looks_back = lane.hubs.front() != choice_.current();
    lane.failure = {};
    lane.heard = false;
    lane.unwanted = false;
    lane.demand.reset();
    lane.kicked = false;
    lane.demanded_wait = false;
    begin_with_hub(client, lane);
  }

  /// What is sent depends on the hub: not each takes batches.
  void begin_with_hub(Client& client, Lane& lane) {
    lane.tried.clear();
    lane.reports.clear();
    for (const auto* const item : waiting(client, lane)) lane.reports.push_back(item->report);
    if (lane.reports.empty()) {  // given up meanwhile: over a bound
      lane.state = Lane::State::idle;
      if (client.leaving) let_go(client.id);
      return end_drain_if_empty();
    }
    const auto dropped = outbox_.dropped() + refused_;
    for (auto& report : lane.reports) {
      if (dropped > 0) report.dropped = dropped;
    }
    try_next_path(client, lane);
  }

  [[nodiscard]] std::vector<const OutboxItem*> waiting(const Client& client, const Lane& lane) const {
    if (!lane.is_change) {
      const auto* const item = outbox_.keepalive(client.id);
      return item ? std::vector{item} : std::vector<const OutboxItem*>{};
    }
    const bool may_batch = lane.most_reports > 1 && channels_[lane.hubs.front()]->takes_batches(mono_now());
    auto items = outbox_.front_changes(client.id, may_batch ? lane.most_reports : 1, Sender::most_batch_bytes);
    if (items.size() <= Sender::few && items.size() > 1) items.resize(1);
    return items;
  }

  void try_next_path(Client& client, Lane& lane) {
    const auto ways = hooks_.paths(client.id);
    const auto now = mono_now();
    const auto hub = lane.hubs.front();
    auto& trust = client.trust[hub];
    const auto order = path_order(
        {lane.is_change, ways.tunnel.has_value(), ways.uplink.has_value(), trust.tunnel.trusted(now), trust.uplink.trusted(now)});
    if (order.empty() && lane.tried.empty()) return try_later(client, lane, no_way());
    const auto next = std::ranges::find_if(order, [&](DeliveryPath path) { return std::ranges::count(lane.tried, path) == 0; });
    if (next == order.end()) {
      lane.patient = lane.tried.size() > 1 && !lane.heard;
      return try_next_hub(client, lane);
    }
    const auto path = *next;
    lane.tried.push_back(path);
    lane.has_other_path = lane.tried.size() < order.size();
    const auto patience = lane.looks_back                        ? HubChannel::Patience::brief
                          : lane.patient || !lane.has_other_path ? HubChannel::Patience::full
                                                                 : HubChannel::Patience::quick_connect;
    channels_[hub]->post(lane.reports, path, ways, patience,
                         [weak = weak_from_this(), id = client.id, is_change = lane.is_change, path](const Result<HttpResponse>& response) {
                           const auto self = weak.lock();
                           if (!self) return;
                           auto& owner = self->client_of(id);
                           self->answered(owner, owner.lane(is_change), path, response);
                         });
  }

  void try_next_hub(Client& client, Lane& lane) {
    lane.hubs.pop_front();
    if (!lane.hubs.empty()) {
      lane.looks_back = lane.looks_back && lane.hubs.front() != choice_.current();
      return begin_with_hub(client, lane);
    }
    try_later(client, lane, lane.heard ? lane.failure : with_hint(lane.failure));
  }

  void answered(Client& client, Lane& lane, DeliveryPath path, const Result<HttpResponse>& response) {
    if (!response) {
      const auto& error = response.error();
      note_failure(lane, Error{error.kind, fmt::format("{}: {}", to_string(path), error.message)});
      if (lane.reports.size() > 1 && error.kind == Error::Kind::timed_out) lane.most_reports = smaller(lane.reports.size());
      return try_next_path(client, lane);
    }
    if (lane.reports.size() > 1) return batch_answered(client, lane, path, *response);
    const auto answer = read_answer(*response);
    if (lane.has_other_path && other_path_may_help(*response, answer, path == DeliveryPath::tunnel))
      return path_failed(client, lane, path, answer);
    if (answer.kind == HubAnswer::Kind::failed) return hub_failed(client, lane, answer, response->status);
    finish(client, lane, path, {answer});
  }

  void batch_answered(Client& client, Lane& lane, DeliveryPath path, const HttpResponse& response) {
    const auto answer = read_batch_answer(response, lane.reports.size());
    switch (answer.kind) {
      case BatchAnswer::Kind::judged:
        return finish(client, lane, path, answer.each);
      case BatchAnswer::Kind::failed:
        if (lane.has_other_path && other_path_may_help(response, answer.whole, path == DeliveryPath::tunnel))
          return path_failed(client, lane, path, answer.whole);
        return hub_failed(client, lane, answer.whole, response.status);
      case BatchAnswer::Kind::too_large:
        lane.most_reports = smaller(lane.reports.size());
        break;
      case BatchAnswer::Kind::no_batch:
        channels_[lane.hubs.front()]->takes_no_batches(mono_now());
        break;
    }
    begin_with_hub(client, lane);  // at once: in another form
  }

  /// Somebody answered by this path, perhaps the hub, and did not take it.
  void path_failed(Client& client, Lane& lane, DeliveryPath path, const HubAnswer& answer) {
    lane.heard = true;
    note_failure(lane, Error{answer.error.kind, fmt::format("{}: {}", to_string(path), answer.error.message)});
    if (answer.wait && !lane.looks_back) lane.demand = std::max(lane.demand.value_or(milliseconds{0}), *answer.wait);
    try_next_path(client, lane);
  }

  /// The hub answered, but does not take it now. That it is asked too often is no reason to ask the next one, unless that one is in use.
  void hub_failed(Client& client, Lane& lane, const HubAnswer& answer, long status) {
    const auto& name = channels_[lane.hubs.front()]->name();
    lane.heard = true;
    note_failure(lane, channels_.size() == 1 ? answer.error : Error{answer.error.kind, fmt::format("{}: {}", name, answer.error.message)});
    lane.unwanted = lane.unwanted || answer.no_room;
    const bool others_may_take_it = (answer.no_room || lane.looks_back) && lane.hubs.size() > 1;
    if (answer.wait && !others_may_take_it) lane.demand = std::max(lane.demand.value_or(milliseconds{0}), *answer.wait);
    if (status == 429 && !lane.looks_back) return try_later(client, lane, lane.failure);
    try_next_hub(client, lane);
  }

  static void note_failure(Lane& lane, const Error& error) {
    const auto& before = lane.failure.message;
    lane.failure = Error{error.kind, before.empty() ? error.message : fmt::format("{}; {}", before, error.message)};
  }

  /// The hub has spoken about each report: the last word, or that it cannot take this one now.
  void finish(Client& client, Lane& lane, DeliveryPath path, const std::vector<HubAnswer>& answers) {
    const auto hub = lane.hubs.front();
    client.trust[hub].worked(path, lane.tried.size() > 1, mono_now());
    // What a hub has against this client alone sends no other client away from it.
    if (!lane.unwanted) choice_.answered(hub, mono_now());
    const auto reports = std::exchange(lane.reports, {});
    const HubAnswer* kept = nullptr;
    for (std::size_t i = 0; i < reports.size(); ++i) {
      if (answers[i].kind != HubAnswer::Kind::failed) {
        settle(client, reports[i], path, answers[i]);
      } else if (!kept) {
        kept = &answers[i];
      }
    }
    lane.patient = false;
    if (kept) {
      note_failure(lane, kept->error);
      return try_later(client, lane, lane.failure);
    }
    lane.backoff.reset();
    lane.most_reports = larger(lane.most_reports);
    lane.state = Lane::State::idle;
    pump(client, lane);
    // The hub is there: what waits for its own next try, or for the changes to be through, need not wait any longer.
    auto& other = client.lane(!lane.is_change);
    if (!other.demanded_wait) wake(client, other);
    pump(client, other);
    if (client.leaving) let_go(client.id);
    end_drain_if_empty();
  }

  void settle(const Client& client, Report report, DeliveryPath path, const HubAnswer& answer) {
    report.path = to_string(path);
    // Only this very report: a newer keepalive may have taken its place meanwhile.
    outbox_.acknowledged(client.id, report.boot_id, report.seq);
    if (answer.kind == HubAnswer::Kind::refused) {
      ++refused_;
      if (hooks_.on_refused) hooks_.on_refused(client.id, report, answer.error);
    } else if (hooks_.on_delivered) {
      hooks_.on_delivered(client.id, report, std::string(to_string(path)));
    }
  }

  void try_later(Client& client, Lane& lane, const Error& error) {
    const bool at_once = std::exchange(lane.kicked, false) && !lane.demand;
    const auto wait = at_once ? milliseconds{0} : lane.pause(lane.demand, mono_now());
    lane.state = Lane::State::waiting;
    lane.timer.expires_after(wait);
    lane.timer.async_wait(
        [weak = weak_from_this(), id = client.id, is_change = lane.is_change](const boost::system::error_code& cancelled) {
          const auto self = weak.lock();
          if (!self || cancelled) return;
          const auto owner = self->clients_.find(id);
          if (owner == self->clients_.end()) return;
          auto& waiting = owner->second->lane(is_change);
          // A wait that began after this one had run out, but before this call, is not over yet.
          if (waiting.timer.expiry() <= mono_now()) self->wake(*owner->second, waiting);
        });
    if (hooks_.on_failed) hooks_.on_failed(client.id, error, wait);
  }

  void end_drain_if_empty() {
    if (drained_ && outbox_.size() == 0) end_drain();
  }

  void end_drain() {
    drain_timer_.cancel();
    if (auto done = std::exchange(drained_, nullptr)) boost::asio::post(io_, std::move(done));
  }

  boost::asio::io_context& io_;
  Outbox& outbox_;
  Sender::Hooks hooks_;
  HttpClient& http_;
  std::vector<std::shared_ptr<HubChannel>> channels_;
  HubChoice choice_;
  std::map<std::string, ClientPtr> clients_;
  boost::asio::steady_timer drain_timer_;
  std::function<void()> drained_;
  std::uint64_t refused_ = 0;
};

class SenderImpl final : public Sender {
 public:
  explicit SenderImpl(std::shared_ptr<Core> core) : core_(std::move(core)) { core_->start(); }
  void submit(OutboxItem item) override { core_->submit(std::move(item)); }
  void kick() override { core_->kick(); }
  void drain(milliseconds deadline, std::function<void()> done) override { core_->drain(deadline, std::move(done)); }
  void forget(const std::string& client_id) override { core_->forget(client_id); }
  [[nodiscard]] std::size_t clients() const override { return core_->clients(); }
  [[nodiscard]] std::uint64_t refused() const override { return core_->refused(); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<Sender> Sender::make(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, Outbox& outbox, const HubAddress& hub,
                                     Hooks hooks) {
  return std::make_unique<SenderImpl>(std::make_shared<Core>(io, http, dns, outbox, hub, std::move(hooks)));
}

}  // namespace vpn_sentinel
