#include "probe/watch/outside_asker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "netns/firewall/own_packets.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "probe/verdict/exit_words.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

/// A change of the uplink without a message to us: a look-up costs 2-3 µs, so the kernel is simply asked.
constexpr auto route_period = 1s;
/// Changes come in bursts, and a line needs a moment.
constexpr auto outside_after_change = 300ms;
constexpr std::chrono::milliseconds outside_while_failing = 60s;
constexpr unsigned most_doublings = 6;
/// However many exits change: the services count questions.
constexpr auto shortest_pause = 10s;

constexpr std::array both_families{Family::v4, Family::v6};

}  // namespace

OutsideAsker::OutsideAsker(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, OutsideQuestion question)
    : ask_timer_(io), route_timer_(io), question_(std::move(question)), check_(io, http, dns), hubs_(dns) {}

void OutsideAsker::start() {
  // Without an opener sockets are made where the process is; without look-ups changes are noticed at the next question.
  if (const auto own = NetNamespace::open(NamespaceRef{})) opener_ = with_own_priority(own->opener());
  // Whether IPv6 leads out is not known then, and hardly anybody would be asked in vain for ever.
  if (!opener_ || !ways_.open(opener_)) uplink_.v6_leads_out = false;
  ways_.look(uplink_);
  compose_uplink();
  watch_routes();
  ask_in(0ms);
}

void OutsideAsker::stop() {
  end_round();
  ask_timer_.cancel();
  route_timer_.cancel();
  ways_.close();
}

void OutsideAsker::wake() {
  if (const auto changed = ways_.look(uplink_); !changed.empty()) {
    forget_uplink(changed);
    return ask_in(outside_after_change);
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
  hubs_.stop();
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

void OutsideAsker::watch_routes() {
  if (!ways_.is_open() || question_.trace_urls.empty()) return;
  route_timer_.expires_after(route_period);
  route_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!self || error) return;
    if (const auto changed = self->has_seats() ? self->ways_.look(self->uplink_) : std::vector<Family>{}; !changed.empty()) {
      self->forget_uplink(changed);
      self->ask_in(outside_after_change);
      self->tell();
    }
    self->watch_routes();
  });
}

/// By name, as they stand in due_.
std::vector<std::string> OutsideAsker::questions() const {
  std::vector<std::string> all;
  for (const auto family : both_families) {
    if (!question_.trace_urls.empty() && uplink_.leads_out(family)) all.emplace_back(key_of(family));
  }
  for (const auto& host : question_.hub_hosts) {
    if (HubNames::may_be_asked(host)) all.push_back(host);
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
  hubs_.ask(host, question_, opener_, [this, host](bool failed) { one_done(host, failed); });
}

std::chrono::milliseconds pause_after_failures(unsigned failed_before, std::chrono::milliseconds interval) {
  return std::min(outside_while_failing * (1U << std::min(failed_before, most_doublings)), interval);
}

/// What fails does not make the others be asked sooner.
void OutsideAsker::one_done(const std::string& question, bool failed) {
  auto& due = due_[question];
  due.at = asked_ + (failed ? pause_after_failures(due.failed, question_.interval) : question_.interval);
  due.failed = failed ? due.failed + 1 : 0;
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
  // What goes by a tunnel of the probe's own shows where that tunnel ends.
  const auto own = std::ranges::find_if(uplink_.addresses, [&](const IpAddress& item) { return uplink_.tunnel_of(item.family()).empty(); });
  uplink_.facts = question_.database && own != uplink_.addresses.end() ? question_.database->find(*own) : AddressFacts{};
  uplink_.error = errors_.empty() ? std::string{} : errors_.begin()->second;
  for (const auto family : both_families) {
    if (is_missing(family)) {
      unknown_since_.try_emplace(family, mono_now());
    } else {
      unknown_since_.erase(family);
    }
  }
}

/// There may be none: then nothing can be compared with it. Where nothing leads out at all the probe sees no line.
bool OutsideAsker::is_missing(Family family) const {
  if (question_.trace_urls.empty() || addresses_.contains(family)) return false;
  const bool nothing_leads_out = !uplink_.v4_leads_out && !uplink_.v6_leads_out;
  return uplink_.leads_out(family) || (nothing_leads_out && addresses_.empty());
}

void OutsideAsker::tell() {
  // Whoever is told may leave or come.
  const auto seats = seats_;
  for (const auto& seat : seats) {
    if (const auto alive = seat.lock()) alive->tell();
  }
}

}  // namespace vpn_sentinel
