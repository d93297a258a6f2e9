#include "probe/delivery/flow_sender.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>
#include <vector>

#include "netns/base/backoff.hpp"
#include "netns/base/helper_thread.hpp"
#include "netns/base/random.hpp"
#include "probe/delivery/flow_queue.hpp"
#include "probe/delivery/hub_answer.hpp"
#include "probe/delivery/hub_channel.hpp"
#include "probe/report/gzip.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// A hub that knows nothing of connections may be replaced by a newer one some day.
constexpr milliseconds until_hub_is_newer = std::chrono::hours{1};

/// Encoding a thousand rows takes milliseconds.
struct PacksFlows;

/// Shared, so that handlers of the loop that come after the sender's end find it gone.
class FlowSenderCore : public std::enable_shared_from_this<FlowSenderCore> {
 public:
  FlowSenderCore(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const HubAddress& hub, FlowSender::Hooks hooks)
      : io_(io), hooks_(std::move(hooks)), timer_(io) {
    for (const auto& url : hub.urls) channels_.push_back(std::make_shared<HubChannel>(io, http, dns, hub, url));
  }

  void submit(FlowBatch batch) {
    queue_.push(std::move(batch));
    pump();
  }
  void forget(const std::string& client_id) { queue_.forget(client_id); }
  [[nodiscard]] std::uint64_t dropped() const { return queue_.dropped(); }

 private:
  using Shared = std::shared_ptr<FlowBatch>;

  void pump() {
    while (!waits_ && under_way_ < (failing_ ? 1 : FlowSender::most_under_way)) {
      auto batch = queue_.take();
      if (!batch) return;
      ++under_way_;
      pack(std::make_shared<FlowBatch>(std::move(*batch)));
    }
  }

  void pack(const Shared& batch) {
    batch->sent_at = wall_now();
    boost::asio::use_service<HelperThread<PacksFlows>>(io_).run([&io = io_, weak = weak_from_this(), batch] {
      auto packed = packed_batch(*batch);
      boost::asio::post(io, [weak, batch, packed = std::move(packed)]() mutable {
        if (const auto self = weak.lock()) self->send(batch, std::move(packed));
      });
    });
  }

  void send(const Shared& batch, std::string packed) {
    const auto ways = hooks_.paths(batch->client_id);
    // Reports say by their way whether the tunnel carries; flows say nothing by theirs, so the way that is always there is taken.
    if (!ways.uplink && !ways.tunnel) return failed(batch, {Error::Kind::unreachable, "there is no way to the hub"}, {});
    const auto path = ways.uplink ? DeliveryPath::uplink : DeliveryPath::tunnel;
    channels_[hub_]->post_flows(std::move(packed), path, ways, [weak = weak_from_this(), batch](const Result<HttpResponse>& response) {
      if (const auto self = weak.lock()) self->answered(batch, response);
    });
  }

  void answered(const Shared& batch, const Result<HttpResponse>& response) {
    if (!response) {
      hub_ = (hub_ + 1) % channels_.size();
      return failed(batch, with_hint(response.error()), {});
    }
    const auto answer = read_answer(*response);
    const bool unknown = response->status == 404 || response->status == 405;
    if (unknown)
      return failed(batch, {Error::Kind::unavailable, "the hub knows nothing of connections: it is older than this probe"},
                    until_hub_is_newer);
    if (answer.kind == HubAnswer::Kind::failed) return failed(batch, answer.error, answer.wait);
    --under_way_;
    const bool refused = answer.kind == HubAnswer::Kind::refused;
    if (refused) queue_.refused(batch->client_id);
    queue_.done(std::move(*batch), false);
    backoff_.reset();
    if (refused) {
      tell(answer.error);
    } else if (std::exchange(failing_, false) && hooks_.on_well) {
      hooks_.on_well();
    }
    pump();
  }

  void failed(const Shared& batch, const Error& error, std::optional<milliseconds> wait) {
    --under_way_;
    queue_.done(std::move(*batch), true);
    tell(error);
    if (std::exchange(waits_, true)) return;
    timer_.expires_after(std::max(wait.value_or(milliseconds{0}), backoff_.next(random_unit())));
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
      const auto self = weak.lock();
      if (!self || cancelled) return;
      self->waits_ = false;
      self->pump();
    });
  }

  void tell(const Error& error) {
    if (!std::exchange(failing_, true) && hooks_.on_trouble) hooks_.on_trouble(error);
  }

  boost::asio::io_context& io_;
  FlowSender::Hooks hooks_;
  boost::asio::steady_timer timer_;
  std::vector<std::shared_ptr<HubChannel>> channels_;
  FlowQueue queue_;
  Backoff backoff_{milliseconds{2'000}, milliseconds{60'000}};
  std::size_t hub_ = 0;  ///< that is asked
  std::size_t under_way_ = 0;
  bool waits_ = false;  ///< for the next try
  bool failing_ = false;
};

class FlowSenderImpl final : public FlowSender {
 public:
  explicit FlowSenderImpl(std::shared_ptr<FlowSenderCore> core) : core_(std::move(core)) {}
  void submit(FlowBatch batch) override { core_->submit(std::move(batch)); }
  void forget(const std::string& client_id) override { core_->forget(client_id); }
  [[nodiscard]] std::uint64_t dropped() const override { return core_->dropped(); }

 private:
  std::shared_ptr<FlowSenderCore> core_;
};

}  // namespace

std::unique_ptr<FlowSender> FlowSender::make(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, const HubAddress& hub,
                                             Hooks hooks) {
  return std::make_unique<FlowSenderImpl>(std::make_shared<FlowSenderCore>(io, http, dns, hub, std::move(hooks)));
}

std::string packed_batch(FlowBatch batch) {
  while (true) {
    // A program's name may be any bytes; one with a replaced character is better than none.
    auto packed = gzipped(encode(batch).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (packed.size() <= most_packed_batch_bytes || batch.flows.empty()) return packed;
    const auto kept = batch.flows.size() / 2;
    batch.gaps.lost += batch.flows.size() - kept;
    batch.flows.resize(kept);
  }
}

}  // namespace vpn_sentinel
