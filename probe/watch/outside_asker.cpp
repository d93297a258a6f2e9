#include "probe/watch/outside_asker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "netns/base/public_address.hpp"
#include "netns/firewall/own_packets.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// A change of the uplink without a message to us: a look-up costs 2-3 µs, so the kernel is simply asked.
constexpr auto route_period = 1s;
/// Changes come in bursts, and a line needs a moment.
constexpr auto after_change = 300ms;
constexpr std::chrono::milliseconds while_failing = 60s;
constexpr unsigned most_doublings = 6;
constexpr std::chrono::milliseconds longest_question{2000};
/// However many exits change: the services count questions.
constexpr auto shortest_pause = 10s;

/// Public addresses that stand for all: a way to them is the uplink.
const IpAddress& far_address(Family family) {
  static const std::array addresses{IpAddress::parse("1.0.0.1").value(), IpAddress::parse("2606:4700:4700::1111").value()};
  return addresses[family == Family::v4 ? 0 : 1];
}

constexpr std::array both_families{Family::v4, Family::v6};
constexpr const char* key_of(Family family) { return family == Family::v4 ? "v4" : "v6"; }

/// Names that no public resolver knows: RFC 6761 (localhost), 6762 (local), 8375 (home.arpa), and what routers use.
bool is_local_name(std::string name) {
  while (name.ends_with('.')) name.pop_back();
  std::ranges::transform(name, name.begin(), [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  constexpr std::array<std::string_view, 5> endings{".localhost", ".local", ".lan", ".home.arpa", ".internal"};
  return name.find('.') == std::string::npos ||
         std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace

/// One name whose addresses are being looked up, first A and then AAAA, each at one resolver after the other.
struct OutsideAsker::HubName {
  std::string host;
  unsigned round = 0;
  DnsType type = DnsType::a;
  std::size_t resolver = 0;
  bool exists = false;                                ///< some address was named
  std::map<DnsType, std::vector<IpAddress>> found{};  ///< of what answered: the public addresses
};

OutsideAsker::OutsideAsker(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, OutsideQuestion question)
    : ask_timer_(io), route_timer_(io), dns_(dns), question_(std::move(question)), check_(io, http, dns) {}

void OutsideAsker::start() {
  // Without an opener sockets are made where the process is; without look-ups changes are noticed at the next question.
  if (const auto own = NetNamespace::open(NamespaceRef{})) opener_ = with_own_priority(own->opener());
  if (auto look_up = opener_ ? RouteLookup::open(opener_) : Result<RouteLookup>(fail(Error{}))) look_up_ = std::move(*look_up);
  // Whether IPv6 leads out is not known then, and hardly anybody would be asked in vain for ever.
  if (!look_up_) uplink_.v6_leads_out = false;
  changed_routes();
  compose_uplink();
  watch_routes();
  ask_in(0ms);
}

void OutsideAsker::stop() {
  end_round();
  ask_timer_.cancel();
  route_timer_.cancel();
  look_up_.reset();
}

void OutsideAsker::wake() {
  if (const auto changed = changed_routes(); !changed.empty()) {
    forget_uplink(changed);
    return ask_in(after_change);
  }
  ask_when_due();
}

/// The old address is nobody's now: nothing may be compared with it, and what is on its way may still tell it.
void OutsideAsker::forget_uplink(const std::vector<Family>& families) {
  end_round();
  for (const auto family : families) {
    addresses_.erase(family);
    awaited_.erase(family);
    errors_.erase(family);
    due_.erase(key_of(family));
  }
  compose_uplink();
}

void OutsideAsker::end_round() {
  check_.stop();
  ++round_;
  running_ = 0;
}

void OutsideAsker::ask_again() {
  for (const auto& [family, address] : addresses_) awaited_.insert(family);
  compose_uplink();
  if (running_ > 0) {
    again_ = true;
    return;
  }
  const auto soon = std::max(mono_now(), asked_ + shortest_pause);
  for (const auto family : both_families) {
    if (const auto due = due_.find(key_of(family)); due != due_.end()) due->second.at = std::min(due->second.at, soon);
  }
  ask_when_due();
}

void OutsideAsker::add(const OutsideFacts::Subscription& seat) {
  std::erase_if(seats_, [](const auto& known) { return known.expired(); });
  seats_.emplace_back(seat);
}

bool OutsideAsker::has_seats() const {
  return std::ranges::any_of(seats_, [](const auto& seat) { return !seat.expired(); });
}

std::vector<IpAddress> OutsideAsker::hubs() const {
  std::vector<IpAddress> all;
  for (const auto& [key, addresses] : hubs_) all.insert(all.end(), addresses.begin(), addresses.end());
  return all;
}

void OutsideAsker::watch_routes() {
  if (!look_up_ || question_.trace_urls.empty()) return;
  route_timer_.expires_after(route_period);
  route_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!self || error) return;
    if (const auto changed = self->has_seats() ? self->changed_routes() : std::vector<Family>{}; !changed.empty()) {
      self->forget_uplink(changed);
      self->ask_in(after_change);
      self->tell();
    }
    self->watch_routes();
  });
}

std::vector<Family> OutsideAsker::changed_routes() {
  std::vector<Family> changed;
  if (!look_up_) return changed;
  std::array<RouteQuestion, both_families.size()> questions;
  for (std::size_t i = 0; i < questions.size(); ++i) questions[i].destination = far_address(both_families[i]);
  const auto answers = look_up_->look_up(questions);
  std::vector<IpAddress> gateways;
  for (std::size_t i = 0; i < answers.size() && i < both_families.size(); ++i) {
    if (!answers[i]) continue;
    const auto family = both_families[i];
    std::string way;
    read_way(family, *answers[i], way);
    for (const auto& hop : answers[i]->route.next_hops) {
      if (hop.gateway) gateways.push_back(*hop.gateway);
    }
    if (way != std::exchange(ways_[family], way)) changed.push_back(family);
  }
  uplink_.gateways = std::move(gateways);
  return changed;
}

void OutsideAsker::read_way(Family family, const RouteAnswer& answer, std::string& way) {
  way = fmt::format("{};", static_cast<int>(answer.kind));
  std::string tunnel;
  bool by_tunnels_only = !answer.route.next_hops.empty();
  for (const auto& hop : answer.route.next_hops) {
    way += fmt::format("{}/{};", hop.link_index, hop.gateway ? hop.gateway->to_string() : "-");
    const auto link = look_up_->read_link(hop.link_index);
    if (link && looks_like_tunnel(*link)) {
      tunnel = link->name;
    } else {
      by_tunnels_only = false;
    }
  }
  (family == Family::v4 ? uplink_.own_tunnel : uplink_.own_tunnel_v6) = by_tunnels_only ? tunnel : std::string{};
  (family == Family::v4 ? uplink_.v4_leads_out : uplink_.v6_leads_out) = answer.kind == RouteAnswer::Kind::device;
}

/// By name, as they stand in due_.
std::vector<std::string> OutsideAsker::questions() const {
  std::vector<std::string> all;
  for (const auto family : both_families) {
    if (!question_.trace_urls.empty() && uplink_.leads_out(family)) all.emplace_back(key_of(family));
  }
  for (const auto& host : question_.hub_hosts) {
    if (IpAddress::parse(host) || !is_local_name(host)) all.push_back(host);
  }
  return all;
}

void OutsideAsker::ask_in(std::chrono::milliseconds pause) {
  ask_timer_.expires_after(pause);
  ask_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (self && !error && self->has_seats()) self->ask();
  });
}

void OutsideAsker::ask_when_due() {
  const auto now = mono_now();
  auto next = now + question_.interval;
  for (const auto& question : questions()) {
    const auto due = due_.find(question);
    next = std::min(next, due == due_.end() ? now : due->second.at);
  }
  ask_in(std::chrono::ceil<std::chrono::milliseconds>(std::max(next, now) - now));
}

void OutsideAsker::ask() {
  end_round();
  asked_ = mono_now();
  auto wanted = questions();
  std::erase_if(wanted, [&](const std::string& question) {
    const auto due = due_.find(question);
    return due != due_.end() && due->second.at > asked_;
  });
  // Counted before the first begins: one that fails at once must not end the round.
  running_ = 1 + static_cast<int>(wanted.size());
  for (const auto& question : wanted) {
    if (question == key_of(Family::v4) || question == key_of(Family::v6)) {
      ask_uplink(question == key_of(Family::v4) ? Family::v4 : Family::v6);
    } else {
      ask_hub(question);
    }
  }
  one_done();
}

void OutsideAsker::ask_uplink(Family family) {
  ExitRequest request;
  request.open_socket = opener_;
  request.family = family;
  request.quorum = 1;
  request.resolvers = question_.resolvers;
  request.ca_file = question_.ca_file;
  request.timeout = question_.timeout;
  ExitOperator traces;
  for (const auto& url : question_.trace_urls) traces.sources.push_back({SourceKind::trace, url});
  request.operators = {std::move(traces)};
  check_.run(std::move(request), [this, family](const ExitOfFamily& seen) {
    if (seen.settled) on_uplink(family, seen);
  });
}

void OutsideAsker::on_uplink(Family family, const ExitOfFamily& seen) {
  const bool failed = seen.voices.empty();
  if (failed) {
    errors_.insert_or_assign(family, silence_text(seen));
  } else {
    errors_.erase(family);
    addresses_.insert_or_assign(family, seen.voices.front().address);
    // What was on its way when the doubt came may be the old one.
    if (!again_) awaited_.erase(family);
  }
  one_done(key_of(family), failed);
}

void OutsideAsker::ask_hub(const std::string& host) {
  if (const auto literal = IpAddress::parse(host)) {
    if (is_public_address(*literal)) hubs_[{host, DnsType::a}] = {*literal};
    return one_done(host, false);
  }
  ask_hub(std::make_shared<HubName>(HubName{host, round_}));
}

void OutsideAsker::ask_hub(const std::shared_ptr<HubName>& name) {
  if (name->resolver == question_.resolvers.size()) {
    if (name->type == DnsType::aaaa || question_.resolvers.empty()) return hub_done(*name);
    name->type = DnsType::aaaa;
    name->resolver = 0;
  }
  DnsOptions options;
  options.open_socket = opener_;
  options.timeout = std::min(longest_question, question_.timeout);
  const DnsQuestion question{name->host, name->type, DnsClass::in};
  dns_.ask(question, question_.resolvers[name->resolver], options, [weak = weak_from_this(), name](const Result<DnsAnswer>& answer) {
    const auto self = weak.lock();
    if (!self || name->round != self->round_) return;
    // NXDOMAIN is no truth about the hub either: it may be a name of the local network.
    const bool good = answer && answer->rcode == 0;
    if (good) {
      auto& found = name->found[name->type];
      for (const auto& address : answer->addresses) {
        if (is_public_address(address)) found.push_back(address);
      }
      name->exists = name->exists || !answer->addresses.empty();
    }
    name->resolver = good ? self->question_.resolvers.size() : name->resolver + 1;
    self->ask_hub(name);
  });
}

/// Only what answered is replaced, and nothing by answers of which none names an address.
void OutsideAsker::hub_done(const HubName& name) {
  if (name.exists) {
    for (const auto& [type, found] : name.found) hubs_[{name.host, type}] = found;
  }
  one_done(name.host, !name.exists || name.found.size() < 2);
}

/// What fails is asked sooner, with pauses that grow; it does not make the others be asked sooner.
void OutsideAsker::one_done(const std::string& question, bool failed) {
  auto& due = due_[question];
  const auto pause = failed ? while_failing * (1U << std::min(due.failed, most_doublings)) : question_.interval;
  due.failed = failed ? due.failed + 1 : 0;
  due.at = asked_ + std::min(pause, question_.interval);
  one_done();
}

void OutsideAsker::one_done() {
  if (--running_ > 0) return;
  answered_once_ = true;
  compose_uplink();
  ask_when_due();
  if (std::exchange(again_, false)) ask_again();
  tell();
}

void OutsideAsker::compose_uplink() {
  uplink_.addresses.clear();
  for (const auto& [family, address] : addresses_) uplink_.addresses.push_back(address);
  uplink_.awaited.assign(awaited_.begin(), awaited_.end());
  uplink_.facts = question_.database && !uplink_.addresses.empty() ? question_.database->find(uplink_.addresses.front()) : AddressFacts{};
  uplink_.error = errors_.empty() ? std::string{} : errors_.begin()->second;
  if (!uplink_.addresses.empty() || question_.trace_urls.empty()) {
    unknown_since_.reset();
  } else if (!unknown_since_) {
    unknown_since_ = mono_now();
  }
}

void OutsideAsker::tell() {
  // Whoever is told may leave or come.
  const auto seats = seats_;
  for (const auto& seat : seats) {
    if (const auto alive = seat.lock()) alive->tell();
  }
}

}  // namespace vpn_sentinel
