#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <functional>
#include <set>
#include <tuple>
#include <utility>

#include "netns/monitor/monitor.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/one_look.hpp"
#include "probe/app/output.hpp"
#include "probe/app/print_connections.hpp"
#include "probe/connections/packet_senders.hpp"
#include "probe/watch/outside_policy.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

constexpr int exit_outside = 2;
constexpr auto longest_flows_look = 3s;
/// Between looks with --watch at what has no events.
constexpr auto between_looks = 500ms;
/// Events are looked at together.
constexpr auto soonest = 20ms;
constexpr std::size_t most_flows = 200'000;

/// Sources and table of one namespace.
class Flows {
 public:
  Flows(const NetNamespace& space, const TargetPolicy& policy)
      : policy_(policy),
        opener_(space.opener()),
        chosen_(choose_sources(policy.connections.mode, standard_sources(space, policy.connections))),
        table_(bounds_of(policy)) {}

  [[nodiscard]] bool has_sources() const { return !chosen_.sources.empty(); }
  [[nodiscard]] const std::vector<std::string>& refused() const { return chosen_.refused; }

  /// Of the sources that tell by themselves when there is something to look at.
  [[nodiscard]] std::vector<int> descriptors() const {
    std::vector<int> all;
    for (const auto& source : chosen_.sources) {
      if (source->descriptor() >= 0) all.push_back(source->descriptor());
    }
    return all;
  }

  /// What is known of routes and tunnel is `seen`'s. An Error: no source could look. `events`: only sources with descriptors.
  Result<void> look(const Observation& seen, bool events = false) {
    const auto snapshot = take_snapshot(opener_);
    if (!snapshot) return fail(snapshot.error());
    auto look_up = RouteLookup::open(opener_);
    if (!look_up) return fail(look_up.error());
    const auto ground = make_flow_ground(*snapshot, outside_policy(seen, policy_), has_tunnel_name(seen, policy_));
    told_.notes.clear();
    if (!ground.tunnel_known) told_.notes.emplace_back("no tunnel is known, so nothing can be told to be outside it (VPN_SENTINEL_TUNNEL)");
    const auto now = mono_now();
    if (!events) senders_ = shown_senders(ground);
    if (!senders_.empty()) told_.notes.push_back(senders_);
    std::optional<Error> failed;
    bool looked = false;
    for (const auto& source : chosen_.sources) {
      if (events && source->descriptor() < 0) continue;
      const auto batch = source->look();
      if (!batch) {
        told_.notes.push_back(fmt::format("{} could not look: {}", to_string(source->kind()), batch.error().message));
        failed = batch.error();
        continue;
      }
      looked = true;
      if (!batch->note.empty()) told_.notes.push_back(fmt::format("{}: {}", to_string(source->kind()), batch->note));
      table_.take(*batch, find_ways(batch->sightings, ground, *look_up), wall_now(), now);
    }
    table_.age(now);
    if (!looked && failed) return fail(*failed);
    return {};
  }

  [[nodiscard]] ConnectionsTold told() const {
    auto told = told_;
    told.target = name_of(policy_);
    told.refused = chosen_.refused;
    told.losses = table_.losses();
    for (const auto& source : chosen_.sources) {
      const auto sight = source->sight();
      told.sources.emplace_back(to_string(source->kind()));
      if (sight.cannot.empty()) continue;
      told.cannot.push_back(fmt::format("{} does not see {}{}", to_string(source->kind()), sight.cannot,
                                        sight.remedy.empty() ? std::string() : "; to see more " + sight.remedy));
    }
    return told;
  }

  [[nodiscard]] std::vector<const KnownFlow*> flows(bool outside_only) const {
    auto all = table_.flows();
    if (outside_only) std::erase_if(all, [](const KnownFlow* flow) { return flow->direction.way != FlowWay::outside; });
    return all;
  }

 private:
  static FlowBounds bounds_of(const TargetPolicy& policy) {
    FlowBounds bounds;
    bounds.most = most_flows;
    const auto& database = policy.exit.database;
    if (database && !database->empty() && policy.connections.destinations != DestinationDetail::none) {
      bounds.facts = [database](const IpAddress& address) { return database->find(address); };
    }
    return bounds;
  }

  /// Who may send what no source lists.
  [[nodiscard]] std::string shown_senders(const FlowGround& ground) const {
    const auto senders = find_packet_senders(opener_, mono_now() + 1s);
    if (!senders) return "who has packet sockets is not known: " + senders.error().message;
    const auto who = shown_packet_senders(*senders, ground);
    return who.empty() ? who : "by packet sockets, past every route and every list, may send " + who;
  }

  const TargetPolicy& policy_;
  SocketOpener opener_;
  ChosenSources chosen_;
  FlowTable table_;
  ConnectionsTold told_;
  std::string senders_;  ///< as of the last look at everything
};

int exit_code(const std::vector<const KnownFlow*>& flows) {
  const auto any = [&flows](FlowWay way) {
    return std::ranges::any_of(flows, [way](const KnownFlow* flow) { return flow->direction.way == way; });
  };
  return any(FlowWay::outside) ? exit_outside : any(FlowWay::unknown) ? exit_unknown : 0;
}

void print_all(const Flows& flows, const TargetPolicy& policy, const ConnectionsWish& wish) {
  const auto told = flows.told();
  const auto listed = flows.flows(wish.outside);
  const auto detail = policy.connections.destinations;
  if (wish.json) {
    auto value = connections_json(told);
    value["connections"] = nlohmann::json::array();
    for (const auto* flow : listed) value["connections"].push_back(connection_json(*flow, detail));
    return print_out(fmt::format("{}\n", value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)));
  }
  const auto style = style_of_stdout();
  std::string text = print_connections_heading(told, style);
  for (const auto* flow : listed) text += print_connection(*flow, detail, style);
  print_out(text + print_connections_end(told, listed, style));
}

/// Prints each flow when it is new, and again when it turns out to take another way or to be somebody's.
class NewFlows {
 public:
  NewFlows(const TargetPolicy& policy, const ConnectionsWish& wish) : policy_(policy), wish_(wish) {}

  void print_new(const Flows& flows) {
    std::set<Printed> now;
    std::string text;
    for (const auto* flow : flows.flows(wish_.outside)) {
      Printed printed{flow->key, flow->direction.way, shown_owner(*flow)};
      const bool known = printed_.contains(printed);
      now.insert(std::move(printed));
      if (known) continue;
      const auto detail = policy_.connections.destinations;
      text += wish_.json ? connection_json(*flow, detail).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                         : print_connection(*flow, detail, style_of_stdout());
    }
    printed_ = std::move(now);
    print_out(text);
  }

 private:
  using Printed = std::tuple<FlowKey, FlowWay, std::string>;
  const TargetPolicy& policy_;
  ConnectionsWish wish_;
  std::set<Printed> printed_;
};

/// Waits for sources to have something to tell.
class Bell {
 public:
  Bell(boost::asio::io_context& io, const std::vector<int>& descriptors, std::function<void()> ring) : ring_(std::move(ring)) {
    for (const int descriptor : descriptors) {
      // The source closes its own.
      Fd copy{::dup(descriptor)};
      if (!copy) continue;
      waiting_.push_back(std::make_unique<stream_descriptor>(io, copy.get()));
      std::ignore = copy.release();
    }
  }

  /// Rings once; to be called again after the look.
  void wait() {
    for (const auto& one : waiting_) {
      one->cancel();
      one->async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (!error) ring_();
      });
    }
  }

 private:
  using stream_descriptor = boost::asio::posix::stream_descriptor;
  std::function<void()> ring_;
  std::vector<std::unique_ptr<stream_descriptor>> waiting_;
};

int follow(const TargetPolicy& policy, const ConnectionsWish& wish, const NetNamespace& space) {
  boost::asio::io_context io(1);
  HttpClient http(io);
  DnsClient dns(io);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
  TargetWatch watch(io, http, dns, kernel_facts_only(policy), [](const auto&, const auto&) {});
  watch.start();
  Flows flows(space, policy);
  if (!flows.has_sources()) return could_not_look(name_of(policy), fmt::format("{}", fmt::join(flows.refused(), "; ")));
  NewFlows follower(policy, wish);
  boost::asio::steady_timer timer(io);
  int code = 0;
  bool told = false;
  std::function<void(bool)> tick;
  const auto tick_after = [&](std::chrono::milliseconds time, bool events) {
    timer.expires_after(time);
    timer.async_wait([&tick, events](const boost::system::error_code& error) {
      if (!error) tick(events);
    });
  };
  auto whole_look = mono_now();
  Bell bell(io, flows.descriptors(), [&] {
    if (told && mono_now() + soonest < whole_look) tick_after(soonest, true);
  });
  tick = [&](bool events) {
    if (watch.seen().blind && !watch.space()) {
      code = could_not_look(name_of(policy), "the namespace is gone");
      return io.stop();
    }
    const auto looked = watch.settled() || told ? flows.look(watch.seen(), events) : Result<void>{};
    if (!looked) {
      code = could_not_look(name_of(policy), looked.error().message);
      return io.stop();
    }
    if (watch.settled() && !std::exchange(told, true)) {
      const auto said = flows.told();
      print_out(wish.json ? connections_json(said).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                          : print_connections_heading(said, style_of_stdout()));
    }
    if (told) follower.print_new(flows);
    if (flush_output() != 0) return io.stop();
    const auto now = mono_now();
    if (!events) whole_look = now + between_looks;
    if (told) bell.wait();
    tick_after(told ? std::chrono::ceil<std::chrono::milliseconds>(std::max(whole_look, now) - now) : 5ms, false);
  };
  tick(false);
  io.run();
  return code;
}

}  // namespace

int connections_command(const TargetPolicy& policy, const ConnectionsWish& wish) {
  if (policy.connections.mode == ConnectionsMode::off)
    return could_not_look(name_of(policy), "connections are switched off (VPN_SENTINEL_CONNECTIONS)");
  OneLook look(kernel_facts_only(policy));
  const auto& watch = look.run(longest_flows_look);
  if (watch.seen().blind) return could_not_look(name_of(policy), watch.seen().blind->message);
  const auto space = watch.space();
  if (!space) return could_not_look(name_of(policy), "the namespace is gone");
  if (wish.watch) return follow(policy, wish, *space);
  Flows flows(*space, policy);
  if (!flows.has_sources()) return could_not_look(name_of(policy), fmt::format("{}", fmt::join(flows.refused(), "; ")));
  if (const auto looked = flows.look(watch.seen()); !looked) return could_not_look(name_of(policy), looked.error().message);
  print_all(flows, policy, wish);
  return exit_code(flows.flows(false));
}

}  // namespace vpn_sentinel
