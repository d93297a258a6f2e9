#include "probe/watch/flow_watch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/random.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/connections/flow_batcher.hpp"
#include "probe/connections/sources.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

/// Flows of one target in memory, about 400 bytes each.
constexpr std::size_t most_flows = 20'000;
/// All looks together get one part in so many of a core.
constexpr int share = 20;
/// Looking through /proc is most of what a look costs: of sockets that are known already it is done no oftener.
constexpr std::chrono::seconds owners_last{10};
/// What has ended stays in the table for so long beyond the interval, so that every batch tells it.
constexpr std::chrono::seconds beyond_interval{60};

MakeSource patient_sources(const NetNamespace& space, const ConnectionsPolicy& policy) {
  return [space, standard = standard_sources(space, policy)](FlowSource kind) -> Result<std::unique_ptr<ConnectionSource>> {
    if (kind == FlowSource::sock_diag) return make_socket_source(space, {.owners_last = owners_last});
    return standard(kind);
  };
}

/// One thread for all targets of a loop.
class Thread : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  explicit Thread(boost::asio::execution_context& context) : service(context) {}
  template <typename Work>
  void run(Work&& work) {
    boost::asio::post(pool_, std::forward<Work>(work));
  }
  int watches = 0;

 private:
  void shutdown() override {
    pool_.stop();
    pool_.join();
  }
  boost::asio::thread_pool pool_{1};
};

}  // namespace

/// Of one look.
struct FlowWatch::Looked {
  std::optional<FlowBatch> batch;
  MonoTime::duration duration{};
};

/// Sources and table of one namespace. Made on the loop, used by the thread, one look at a time.
struct FlowWatch::Looker {
  Looker(const NetNamespace& namespace_of, const TargetPolicy& policy, milliseconds interval)
      : identity(namespace_of.identity()),
        space(namespace_of),
        connections(policy.connections),
        table(bounds_of(policy, interval)),
        batcher(policy.connections.destinations) {}

  static FlowBounds bounds_of(const TargetPolicy& policy, milliseconds interval) {
    FlowBounds bounds;
    bounds.most = most_flows;
    bounds.keep_ended = std::chrono::ceil<std::chrono::seconds>(interval) + beyond_interval;
    bounds.keep_silent = std::max(bounds.keep_silent, bounds.keep_ended);
    const auto& database = policy.exit.database;
    if (database && !database->empty() && policy.connections.destinations != DestinationDetail::none) {
      bounds.facts = [database](const IpAddress& address) { return database->find(address); };
    }
    return bounds;
  }

  /// What could not be looked at; empty: everything could.
  std::string look(const FlowGround& ground) {
    if (!chosen) {
      chosen = choose_sources(connections.mode, patient_sources(*space, connections));
      // The sources have what they need; a namespace that is gone is held for as short as can be.
      opener = space->opener();
      space.reset();
    }
    if (chosen->sources.empty()) return fmt::format("no source of connections: {}", fmt::join(chosen->refused, "; "));
    if (!look_up) {
      auto opened = RouteLookup::open(opener);
      if (!opened) return "routes cannot be asked for: " + opened.error().message;
      look_up = std::move(*opened);
    }
    std::vector<std::string> failed;
    for (const auto& source : chosen->sources) {
      const auto batch = source->look();
      if (!batch) {
        failed.push_back(fmt::format("{} could not look: {}", to_string(source->kind()), batch.error().message));
        continue;
      }
      if (!batch->note.empty()) failed.push_back(fmt::format("{}: {}", to_string(source->kind()), batch->note));
      table.take(*batch, find_ways(batch->sightings, ground, *look_up), wall_now(), mono_now());
    }
    table.age(mono_now());
    if (!std::exchange(begun, true)) batcher.begin(table.flows());
    return fmt::format("{}", fmt::join(failed, "; "));
  }

  FlowBatch batch() {
    auto made = batcher.take(table.flows(), table.losses());
    made.why = why;
    for (const auto& source : chosen->sources) made.sources.emplace_back(to_string(source->kind()));
    return made;
  }

  const NamespaceIdentity identity;
  std::optional<NetNamespace> space;
  const ConnectionsPolicy connections;
  std::optional<ChosenSources> chosen;
  SocketOpener opener;
  std::optional<RouteLookup> look_up;
  FlowTable table;
  FlowBatcher batcher;
  bool begun = false;
  std::string why;  ///< of the last look
};

FlowWatch::FlowWatch(boost::asio::io_context& io, const TargetWatch& watch, milliseconds interval, std::function<void(FlowBatch)> on_batch)
    : io_(io), watch_(watch), interval_(interval), on_batch_(std::move(on_batch)), timer_(io) {
  ++boost::asio::use_service<Thread>(io_).watches;
  // Those of 1,000 targets are spread.
  wait(std::chrono::duration_cast<milliseconds>(usual_pause * (0.5 + random_unit() / 2)));
}

FlowWatch::~FlowWatch() { --boost::asio::use_service<Thread>(io_).watches; }

void FlowWatch::follow() {
  const auto& space = watch_.space();
  if (looker_ && (!space || space->identity() != looker_->identity)) looker_.reset();
}

void FlowWatch::wait(milliseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

void FlowWatch::tick() {
  follow();
  // The first verdict comes first.
  if (!watch_.has_published() || looking_) return wait(usual_pause);
  if (watch_.space() && watch_.flow_ground()) return look();
  looker_.reset();
  if (mono_now() - batch_began_ >= interval_) finish(blind_batch());
  wait(std::min(interval_, usual_pause));
}

/// Nothing is said of connections then, not that there are none.
FlowBatch FlowWatch::blind_batch() const {
  FlowBatch batch;
  batch.destinations = to_string(watch_.policy().connections.destinations);
  const auto& blind = watch_.seen().blind;
  batch.why = "the namespace cannot be looked at: " + (blind ? blind->message : std::string("it is gone"));
  return batch;
}

void FlowWatch::look() {
  if (!looker_) looker_ = std::make_shared<Looker>(*watch_.space(), watch_.policy(), interval_);
  looking_ = true;
  const bool due = mono_now() - batch_began_ >= interval_;
  auto ground = std::make_shared<const FlowGround>(*watch_.flow_ground());
  boost::asio::use_service<Thread>(io_).run([this, &io = io_, alive = std::weak_ptr(alive_), weak = std::weak_ptr(looker_), ground, due] {
    auto looker = weak.lock();
    Looked looked;
    if (looker) {
      const auto begun = mono_now();
      looker->why = looker->look(*ground);
      if (due) looked.batch = looker->batch();
      looked.duration = mono_now() - begun;
    }
    // On the loop it must be the watch's own hold that shows whether anybody still wants it.
    looker.reset();
    boost::asio::post(io, [this, weak, alive, looked = std::move(looked)]() mutable {
      if (alive.expired()) return;
      looking_ = false;
      if (weak.expired()) looked.batch.reset();
      took(std::move(looked));
    });
  });
}

void FlowWatch::took(Looked looked) {
  if (looked.batch) finish(std::move(*looked.batch));
  const auto watches = boost::asio::use_service<Thread>(io_).watches;
  const auto fair = std::chrono::ceil<milliseconds>(looked.duration * share * watches);
  wait(std::max(fair, std::min(interval_, usual_pause)));
}

void FlowWatch::finish(FlowBatch batch) {
  const auto now = mono_now();
  const auto length = std::chrono::round<std::chrono::seconds>(now - std::exchange(batch_began_, now));
  const auto& seen = watch_.seen();
  const auto& policy = watch_.policy();
  batch.client_id = policy.client_id;
  batch.timestamp = wall_now();
  batch.interval_s = static_cast<std::uint32_t>(std::clamp<std::int64_t>(length.count(), 1, 86'400));
  batch.countries = policy.exit.database && !policy.exit.database->empty();
  if (seen.exit && is_country(seen.exit->country)) batch.exit_country = seen.exit->country;
  if (is_country(seen.uplink.facts.country)) batch.uplink_country = seen.uplink.facts.country;
  on_batch_(std::move(batch));
}

}  // namespace vpn_sentinel
