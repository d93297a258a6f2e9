#include "probe/watch/leak_tally.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "netns/base/dns_ports.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_forgiven_destinations = 1024;
constexpr std::array parts{&LeakCounters::dns,   &LeakCounters::v4,    &LeakCounters::v6,         &LeakCounters::endpoint_misuse,
                           &LeakCounters::other, &LeakCounters::local, &LeakCounters::passed_dns, &LeakCounters::unlisted};
constexpr std::array rest_parts{&LeakCounters::v4, &LeakCounters::v6, &LeakCounters::endpoint_misuse, &LeakCounters::other};

Traffic added(const Traffic& a, const Traffic& b) { return {a.packets + b.packets, a.bytes + b.bytes}; }

/// What came since; a number that began anew counts from there.
Traffic since(const Traffic& before, const Traffic& now) {
  if (now.packets < before.packets || now.bytes < before.bytes) return now;
  return {now.packets - before.packets, now.bytes - before.bytes};
}

TrafficView view_of(const Traffic& traffic) { return {traffic.packets, traffic.bytes}; }

bool is_dns(const LeakDestination& destination) { return vpn_sentinel::is_dns(destination.protocol, destination.port); }

bool is_same(const LeakDestination& a, const LeakDestination& b) {
  return a.address == b.address && a.protocol == b.protocol && a.port == b.port && a.uid == b.uid;
}

/// What came to one destination since `before`.
Traffic since(const LeakCounters& before, const LeakDestination& now) {
  const auto then =
      std::ranges::find_if(before.destinations, [&](const LeakDestination& destination) { return is_same(destination, now); });
  return then == before.destinations.end() ? now.traffic : since(then->traffic, now.traffic);
}

void add_to(std::vector<LeakDestination>& destinations, const std::vector<LeakDestination>& more) {
  for (const auto& one : more) {
    const auto known = std::ranges::find_if(destinations, [&](const LeakDestination& destination) { return is_same(destination, one); });
    if (known == destinations.end()) {
      destinations.push_back(one);
    } else {
      known->traffic = added(known->traffic, one.traffic);
    }
  }
}

bool is_smaller(const LeakCounters& now, const LeakCounters& before) {
  return std::ranges::any_of(parts, [&](auto part) { return (now.*part).packets < (before.*part).packets; });
}

OutsideDestination view_of(const LeakDestination& destination, const Traffic& traffic) {
  return {destination.address, destination.protocol, destination.port, destination.uid, view_of(traffic)};
}

bool is_same(const OutsideDestination& a, const OutsideDestination& b) {
  return a.address == b.address && a.protocol == b.protocol && a.port == b.port && a.uid == b.uid;
}

void sort_by_bytes(std::vector<OutsideDestination>::iterator begin, std::vector<OutsideDestination>::iterator end) {
  std::stable_sort(begin, end, [](const OutsideDestination& a, const OutsideDestination& b) { return a.traffic.bytes > b.traffic.bytes; });
}

/// Keeps those of `first`, and of the others those with most bytes.
void sort_and_cut(std::vector<OutsideDestination>& destinations, const std::vector<OutsideDestination>& first = {}) {
  const auto is_first = [&](const OutsideDestination& item) {
    return std::ranges::any_of(first, [&](const OutsideDestination& one) { return is_same(one, item); });
  };
  const auto others = std::stable_partition(destinations.begin(), destinations.end(), is_first);
  sort_by_bytes(others, destinations.end());
  if (destinations.size() > most_told_destinations) destinations.resize(most_told_destinations);
  sort_by_bytes(destinations.begin(), destinations.end());
}

}  // namespace

LeakCounters LeakTally::sum(const LeakCounters& counters) const {
  auto result = counters;
  for (const auto part : parts) result.*part = added(earlier_.*part, counters.*part);
  add_to(result.destinations, earlier_.destinations);
  return result;
}

bool LeakTally::is_news(const LeakCounters& totals) const {
  return std::ranges::any_of(parts, [&](auto part) { return !(totals.*part == last_.*part); });
}

void LeakTally::begin_anew() {
  for (const auto part : parts) earlier_.*part = added(earlier_.*part, last_.*part);
  add_to(earlier_.destinations, last_.destinations);
  std::ranges::stable_sort(earlier_.destinations, std::ranges::greater{}, [](const LeakDestination& one) { return one.traffic.bytes; });
  keep_top(earlier_, most_told_destinations);
  last_ = {};
}

bool LeakTally::take(const LeakCounters& counters, WallTime now, MonoTime clock, bool routed) {
  // Nobody said that it is another meter.
  if (is_smaller(counters, last_)) begin_anew();
  const auto before = all_;
  last_ = counters;
  all_ = sum(counters);
  const auto noted = before.destinations.size();
  bool is_news = is_leaking() && noted < most_told_destinations && all_.destinations.size() > noted;
  const auto follow = [&](Stretch& stretch, auto part) {
    const auto packets = (all_.*part).packets;
    if (packets == (before.*part).packets) return;
    stretch.last = clock;
    if (!stretch.since) {
      stretch.since = now;
      stretch.unrouted.reset();
      stretch.before = before;
    }
    if (!routed && !stretch.unrouted) stretch.unrouted = clock;
    // Of this kind there was none in it until now.
    is_news = is_news || (before.*part).packets == (stretch.before.*part).packets;
  };
  follow(dns_, &LeakCounters::dns);
  for (const auto part : rest_parts) follow(rest_, part);
  return is_news;
}

bool LeakTally::end(Stretch& stretch, MonoTime clock) {
  const auto patience = stretch.unrouted ? leak_is_over_after : routed_leak_is_over_after;
  if (!stretch.since || clock - stretch.last < patience) return false;
  stretch.since.reset();
  return true;
}

void LeakTally::explain(MonoTime clock) {
  for (auto* const stretch : {&dns_, &rest_}) {
    if (stretch->unrouted && clock - *stretch->unrouted < routes_explain) stretch->unrouted.reset();
  }
}

bool LeakTally::pass(MonoTime clock) {
  const bool dns_ended = end(dns_, clock);
  return end(rest_, clock) || dns_ended;
}

std::uint64_t LeakTally::came(Traffic LeakCounters::*part) const { return since(rest_.before.*part, all_.*part).packets; }

bool LeakTally::forgive(const std::vector<IpAddress>& servers, const std::vector<TunnelEndpoint>& fresh,
                        std::optional<std::uint32_t> user) {
  if (!rest_.since || servers.empty() || came(&LeakCounters::unlisted) > 0) return false;
  // What was no tunnel's packet when the server was known is none now, unless the server speaks otherwise by now.
  const auto misuse = came(&LeakCounters::endpoint_misuse);
  const auto is_servers = [&](const LeakDestination& destination) {
    if (misuse == 0) return std::ranges::find(servers, destination.address) != servers.end();
    return destination.uid == user && std::ranges::any_of(fresh, [&](const TunnelEndpoint& server) {
             return server.address == destination.address && server.port != 0 && server.port == destination.port &&
                    (server.protocol == 0 || server.protocol == destination.protocol);
           });
  };
  LeakCounters forgiven;
  std::uint64_t packets = 0;
  for (auto destination : all_.destinations) {
    destination.traffic = since(rest_.before, destination);
    if (is_dns(destination) || destination.traffic.packets == 0) continue;
    if (!is_servers(destination)) return false;
    packets += destination.traffic.packets;
    forgiven.destinations.push_back(destination);
  }
  if (packets < came(&LeakCounters::v4) + came(&LeakCounters::v6) + misuse) return false;
  for (const auto part : {&LeakCounters::v4, &LeakCounters::v6, &LeakCounters::endpoint_misuse})
    forgiven_.*part = added(forgiven_.*part, since(rest_.before.*part, all_.*part));
  add_to(forgiven_.destinations, forgiven.destinations);
  keep_top(forgiven_, most_forgiven_destinations);
  rest_.since.reset();
  return true;
}

template <typename Fits>
bool LeakTally::may_be_vpns(bool all_noted, const Fits& fits) const {
  if (!rest_.since || dns_.since || came(&LeakCounters::other) > 0 || came(&LeakCounters::unlisted) > 0) return false;
  std::uint64_t packets = 0;
  for (const auto& destination : all_.destinations) {
    const auto more = since(rest_.before, destination).packets;
    if (is_dns(destination) || more == 0) continue;
    if (!fits(destination)) return false;
    packets += more;
  }
  return !all_noted || packets >= came(&LeakCounters::v4) + came(&LeakCounters::v6) + came(&LeakCounters::endpoint_misuse);
}

bool LeakTally::may_be_wireguards(bool all_noted, std::optional<std::uint32_t> user) const {
  return may_be_vpns(all_noted,
                     [&](const LeakDestination& destination) { return destination.protocol == IPPROTO_UDP && destination.uid == user; });
}

bool LeakTally::may_be_one_programs(bool all_noted) const {
  std::optional<std::uint32_t> user;
  return may_be_vpns(all_noted, [&](const LeakDestination& destination) {
    if (destination.protocol != IPPROTO_UDP && destination.protocol != IPPROTO_TCP) return false;
    if (!user) user = destination.uid;
    return destination.uid && destination.uid == user;
  });
}

std::optional<WallTime> LeakTally::leaking_since() const {
  if (!dns_.since || !rest_.since) return dns_.since ? dns_.since : rest_.since;
  return std::min(*dns_.since, *rest_.since);
}

void LeakTally::add_destinations(const Stretch& stretch, bool dns, OutsideTraffic& leak) const {
  for (const auto& destination : all_.destinations) {
    const auto traffic = since(stretch.before, destination);
    if (is_dns(destination) == dns && traffic.packets > 0) leak.destinations.push_back(view_of(destination, traffic));
  }
}

/// What is forgiven is left out, and what goes on unless `all`. (DNS is nobody's to forgive.)
LeakCounters LeakTally::told(bool all) const {
  auto result = all_;
  if (!all && rest_.since) {
    for (const auto part : rest_parts) result.*part = rest_.before.*part;
    result.destinations = rest_.before.destinations;
  }
  for (const auto part : rest_parts) result.*part = since(forgiven_.*part, result.*part);
  for (auto& destination : result.destinations) destination.traffic = since(forgiven_, destination);
  std::erase_if(result.destinations, [](const LeakDestination& destination) { return destination.traffic.packets == 0; });
  return result;
}

void LeakTally::fill(PacketsView& view, Telling telling) const {
  const bool is_leak = telling == Telling::as_leak;
  const auto total = told(is_leak);
  view.total =
      OutsideTraffic{view_of(total.dns), view_of(total.v4), view_of(total.v6), view_of(total.endpoint_misuse), view_of(total.other), {}};
  for (const auto& destination : total.destinations) view.total.destinations.push_back(view_of(destination, destination.traffic));
  view.local = view_of(all_.local);
  view.passed_dns = view_of(all_.passed_dns);
  view.leak_since = is_leak ? leaking_since() : std::nullopt;
  view.leak.reset();
  if (view.leak_since) view.leak = present_leak();
  view.unjudged_since = telling == Telling::as_unjudged ? leaking_since() : std::nullopt;
  view.unjudged.reset();
  if (view.unjudged_since) view.unjudged = present_leak();
  // What leaks now is told, however little it is beside what left in earlier days.
  sort_and_cut(view.total.destinations, view.leak ? view.leak->destinations : std::vector<OutsideDestination>());
}

OutsideTraffic LeakTally::present_leak() const {
  OutsideTraffic leak;
  if (dns_.since) {
    leak.dns = view_of(since(dns_.before.dns, all_.dns));
    add_destinations(dns_, true, leak);
  }
  if (rest_.since) {
    const auto part = [&](Traffic LeakCounters::*of) { return view_of(since(rest_.before.*of, all_.*of)); };
    leak.v4 = part(&LeakCounters::v4);
    leak.v6 = part(&LeakCounters::v6);
    leak.endpoint_misuse = part(&LeakCounters::endpoint_misuse);
    leak.other = part(&LeakCounters::other);
    add_destinations(rest_, false, leak);
  }
  sort_and_cut(leak.destinations);
  return leak;
}

}  // namespace vpn_sentinel
