#include "probe/delivery/sender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

#include "probe/delivery/hub_answer.hpp"
#include "probe/delivery/hub_channel.hpp"
#include "probe/delivery/lane.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

Error no_way() { return {Error::Kind::unreachable, "there is no way to the hub: the tunnel is down and there is no uplink"}; }

struct Client {
  Client(boost::asio::io_context& io, std::string name) : id(std::move(name)), changes(io, true), keepalives(io, false) {}
  std::string id;
  Lane changes;
  Lane keepalives;
  PathTrust tunnel_trust{most_tunnel_misses};
  PathTrust uplink_trust{most_uplink_misses};
};

/// Shared, so that handlers of the loop that come after the sender's end find it gone.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, Outbox& outbox, HubAddress hub, Sender::Hooks hooks)
      : io_(io),
        outbox_(outbox),
        hooks_(std::move(hooks)),
        channel_(std::make_shared<HubChannel>(io, http, dns, std::move(hub))),
        drain_timer_(io) {}

  /// What earlier runs left goes first.
  void start() {
    boost::asio::post(io_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->pump_all();
    });
  }

  void submit(OutboxItem item) {
    auto& client = client_of(item.report.client_id);
    auto& lane = item.is_change ? client.changes : client.keepalives;
    outbox_.enqueue(std::move(item));
    // News of a change is a reason to try now, however long the hub has been away; a keepalive waits.
    if (lane.is_change) prompt(client);
    pump(client, lane);
  }

  void kick() {
    channel_->drop_connections();
    for (auto& [id, client] : clients_) {
      client->tunnel_trust.reset();
      client->uplink_trust.reset();
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
    if (!client) client = std::make_shared<Client>(io_, id);
    return *client;
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
    const auto* const item = lane.is_change ? change : outbox_.keepalive(client.id);
    if (!item) return;
    lane.timer.cancel();
    lane.state = Lane::State::in_flight;
    lane.report = item->report;
    lane.tried.clear();
    lane.failure = {};
    lane.kicked = false;
    lane.demanded_wait = false;
    try_next_path(client, lane);
  }

  void try_next_path(Client& client, Lane& lane) {
    const auto ways = hooks_.paths(client.id);
    const auto now = mono_now();
    const auto order = path_order({lane.is_change, ways.tunnel.has_value(), ways.uplink.has_value(), client.tunnel_trust.trusted(now),
                                   client.uplink_trust.trusted(now)});
    const auto next = std::ranges::find_if(order, [&](DeliveryPath path) { return std::ranges::count(lane.tried, path) == 0; });
    if (next == order.end()) {
      lane.patient = lane.tried.size() > 1;
      return try_later(client, lane, lane.tried.empty() ? no_way() : with_hint(lane.failure), std::nullopt);
    }
    const auto path = *next;
    lane.tried.push_back(path);
    channel_->post(lane.report, path, ways, lane.patient || lane.tried.size() >= order.size(),
                   [weak = weak_from_this(), id = client.id, is_change = lane.is_change, path](const Result<HttpResponse>& response) {
                     const auto self = weak.lock();
                     if (!self) return;
                     auto& owner = self->client_of(id);
                     self->answered(owner, is_change ? owner.changes : owner.keepalives, path, response);
                   });
  }

  void answered(Client& client, Lane& lane, DeliveryPath path, const Result<HttpResponse>& response) {
    if (!response) {
      const auto& before = lane.failure.message;
      const auto reasons = fmt::format("{}{}{}: {}", before, before.empty() ? "" : "; ", to_string(path), response.error().message);
      lane.failure = Error{response.error().kind, reasons};
      return try_next_path(client, lane);
    }
    const auto answer = read_answer(*response);
    if (answer.kind == HubAnswer::Kind::failed) return try_later(client, lane, answer.error, answer.wait);
    finish(client, lane, path, answer);
  }

  /// The hub has spoken the last word on this report.
  void finish(Client& client, Lane& lane, DeliveryPath path, const HubAnswer& answer) {
    note_path(client, lane, path);
    auto report = std::move(lane.report);
    report.path = to_string(path);
    // Only this very report: a newer keepalive may have taken its place meanwhile.
    outbox_.acknowledged(client.id, report.boot_id, report.seq);
    lane.backoff.reset();
    lane.patient = false;
    lane.state = Lane::State::idle;
    if (answer.kind == HubAnswer::Kind::refused) {
      ++refused_;
      if (hooks_.on_refused) hooks_.on_refused(client.id, report, answer.error);
    } else if (hooks_.on_delivered) {
      hooks_.on_delivered(client.id, report, std::string(to_string(path)));
    }
    pump(client, lane);
    // The hub is there: what waits for its own next try, or for the changes to be through, need not wait any longer.
    auto& other = lane.is_change ? client.keepalives : client.changes;
    if (!other.demanded_wait) wake(client, other);
    pump(client, other);
    end_drain_if_empty();
  }

  static void note_path(Client& client, const Lane& lane, DeliveryPath path) {
    auto& trust = path == DeliveryPath::tunnel ? client.tunnel_trust : client.uplink_trust;
    auto& trust_of_other = path == DeliveryPath::tunnel ? client.uplink_trust : client.tunnel_trust;
    trust.worked();
    if (lane.tried.size() > 1) trust_of_other.only_the_other_worked(mono_now());
  }

  void try_later(Client& client, Lane& lane, const Error& error, std::optional<milliseconds> demanded) {
    const bool at_once = std::exchange(lane.kicked, false) && !demanded;
    const auto wait = at_once ? milliseconds{0} : lane.pause(demanded, mono_now());
    lane.state = Lane::State::waiting;
    lane.timer.expires_after(wait);
    lane.timer.async_wait(
        [weak = weak_from_this(), id = client.id, is_change = lane.is_change](const boost::system::error_code& cancelled) {
          const auto self = weak.lock();
          if (!self || cancelled) return;
          auto& owner = self->client_of(id);
          auto& waiting = is_change ? owner.changes : owner.keepalives;
          // A wait that began after this one had run out, but before this call, is not over yet.
          if (waiting.timer.expiry() <= mono_now()) self->wake(owner, waiting);
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
  std::shared_ptr<HubChannel> channel_;
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
  [[nodiscard]] std::uint64_t refused() const override { return core_->refused(); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<Sender> Sender::make(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, Outbox& outbox, HubAddress hub,
                                     Hooks hooks) {
  return std::make_unique<SenderImpl>(std::make_shared<Core>(io, http, dns, outbox, std::move(hub), std::move(hooks)));
}

}  // namespace vpn_sentinel
