#include "probe/watch/outside_asker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "netns/base/public_address.hpp"
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
constexpr std::chrono::milliseconds longest_question{2000};

/// Public addresses that stand for all: a way to them is the uplink.
const std::array<IpAddress, 2>& far_addresses() {
  static const std::array addresses{IpAddress::parse("1.0.0.1").value(), IpAddress::parse("2606:4700:4700::1111").value()};
  return addresses;
}

}  // namespace

/// One name whose addresses are being looked up, first A and then AAAA, each at one resolver after the other.
struct OutsideAsker::HubName {
  std::string host;
  unsigned round = 0;
  DnsType type = DnsType::a;
  std::size_t resolver = 0;
  bool answered = false;
  std::vector<IpAddress> found;
};

OutsideAsker::OutsideAsker(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, OutsideQuestion question)
    : ask_timer_(io), route_timer_(io), dns_(dns), question_(std::move(question)), check_(io, http, dns) {}

void OutsideAsker::start() {
  // Without an opener sockets are made where the process is; without look-ups changes are noticed at the next question.
  if (const auto own = NetNamespace::open(NamespaceRef{})) opener_ = own->opener();
  if (auto look_up = opener_ ? RouteLookup::open(opener_) : Result<RouteLookup>(fail(Error{}))) look_up_ = std::move(*look_up);
  routes_changed();
  watch_routes();
  ask_in(0ms);
}

void OutsideAsker::stop() {
  check_.stop();
  ask_timer_.cancel();
  route_timer_.cancel();
  ++round_;
  look_up_.reset();
}

void OutsideAsker::wake() {
  if (routes_changed()) {
    forget_uplink();
    return ask_in(after_change);
  }
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - asked_);
  ask_in(std::max(0ms, question_.interval - age));
}

/// The old address is nobody's now: nothing may be compared with it.
void OutsideAsker::forget_uplink() {
  addresses_.clear();
  uplink_.addresses.clear();
  uplink_.facts = {};
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
  for (const auto& [host, addresses] : hubs_) all.insert(all.end(), addresses.begin(), addresses.end());
  return all;
}

void OutsideAsker::watch_routes() {
  if (!look_up_ || question_.trace_urls.empty()) return;
  route_timer_.expires_after(route_period);
  route_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!self || error) return;
    if (self->has_seats() && self->routes_changed()) {
      self->forget_uplink();
      self->tell();
      self->ask_in(after_change);
    }
    self->watch_routes();
  });
}

bool OutsideAsker::routes_changed() {
  if (!look_up_) return false;
  std::array<RouteQuestion, 2> questions;
  for (std::size_t i = 0; i < questions.size(); ++i) questions[i].destination = far_addresses()[i];
  const auto answers = look_up_->look_up(questions);
  std::string ways;
  std::array<bool, 2> leads_out{true, false};
  std::string own_tunnel;
  for (std::size_t i = 0; i < answers.size() && i < leads_out.size(); ++i) {
    if (!answers[i]) return false;
    leads_out[i] = answers[i]->kind == RouteAnswer::Kind::device;
    ways += fmt::format("{};", static_cast<int>(answers[i]->kind));
    for (const auto& hop : answers[i]->route.next_hops) {
      ways += fmt::format("{}/{};", hop.link_index, hop.gateway ? hop.gateway->to_string() : "-");
      const auto link = look_up_->read_link(hop.link_index);
      if (link && looks_like_tunnel(*link)) own_tunnel = link->name;
    }
  }
  has_v4_ = leads_out[0];
  has_v6_ = leads_out[1];
  uplink_.own_tunnel = std::move(own_tunnel);
  const bool changed = ways != ways_;
  ways_ = std::move(ways);
  return changed;
}

void OutsideAsker::ask_in(std::chrono::milliseconds pause) {
  ask_timer_.expires_after(pause);
  ask_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (self && !error && self->has_seats()) self->ask();
  });
}

void OutsideAsker::ask() {
  check_.stop();
  ++round_;
  asked_ = mono_now();
  failed_ = false;
  uplink_.error.clear();
  const bool learns = !question_.trace_urls.empty();
  // Counted before the first begins: one that fails at once must not end the round.
  running_ = 1 + (learns && has_v4_ ? 1 : 0) + (learns && has_v6_ ? 1 : 0) + static_cast<int>(question_.hub_hosts.size());
  if (learns && has_v4_) ask_uplink(Family::v4);
  if (learns && has_v6_) ask_uplink(Family::v6);
  for (const auto& host : question_.hub_hosts) ask_hub(host);
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
  if (seen.voices.empty()) {
    failed_ = true;
    uplink_.error = silence_text(seen);
  } else {
    addresses_.insert_or_assign(family, seen.voices.front().address);
  }
  one_done();
}

void OutsideAsker::ask_hub(const std::string& host) {
  if (const auto literal = IpAddress::parse(host)) {
    if (is_public_address(*literal)) hubs_[host] = {*literal};
    return one_done();
  }
  ask_hub(std::make_shared<HubName>(HubName{host, round_, DnsType::a, 0, false, {}}));
}

void OutsideAsker::ask_hub(const std::shared_ptr<HubName>& name) {
  if (name->resolver == question_.resolvers.size()) {
    if (name->type == DnsType::a) {
      name->type = DnsType::aaaa;
      name->resolver = 0;
      if (!question_.resolvers.empty()) return ask_hub(name);
    }
    if (name->answered) {
      hubs_[name->host] = name->found;
    } else {
      failed_ = true;
    }
    return one_done();
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
    for (const auto& address : good ? answer->addresses : std::vector<IpAddress>{}) {
      if (is_public_address(address)) name->found.push_back(address);
    }
    name->answered = name->answered || (good && !answer->addresses.empty());
    name->resolver = good ? self->question_.resolvers.size() : name->resolver + 1;
    self->ask_hub(name);
  });
}

void OutsideAsker::one_done() {
  if (--running_ > 0) return;
  auto fresh = uplink_;
  fresh.addresses.clear();
  for (const auto& [family, address] : addresses_) fresh.addresses.push_back(address);
  fresh.facts = question_.database && !fresh.addresses.empty() ? question_.database->find(fresh.addresses.front()) : AddressFacts{};
  uplink_ = std::move(fresh);
  answered_once_ = true;
  ask_in(failed_ ? std::min(while_failing, question_.interval) : question_.interval);
  tell();
}

void OutsideAsker::tell() {
  // Whoever is told may leave or come.
  const auto seats = seats_;
  for (const auto& seat : seats) {
    if (const auto alive = seat.lock()) alive->tell();
  }
}

}  // namespace vpn_sentinel
