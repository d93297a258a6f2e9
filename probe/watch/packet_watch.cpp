#include "probe/watch/packet_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

#include "netns/firewall/leak_rules.hpp"
#include "netns/firewall/own_packets.hpp"
#include "probe/watch/outside_policy.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using boost::asio::posix::stream_descriptor;

/// While the kernel rings, looking is the second line only.
constexpr auto pause_with_bell = 2s;
/// Rules that nobody else can change may still lose a device that was made anew.
constexpr auto verify_owned = 30s;
constexpr auto verify_others = 10s;
constexpr auto retry_pause = 5s;
constexpr auto pause_for_destinations = 10ms;
/// What is judged is not older.
constexpr auto fresh = 50ms;
/// How long it is told that somebody took the rules away.
constexpr std::chrono::minutes interruption_is_news{5};

/// Packets may leave by routes and rules alone. Those that ask for it, being bound to an own address, count only where that was not so in
/// the healthy state.
bool routes_let_out(const Observation& seen) {
  return std::ranges::any_of(seen.look_ups, [&](const LookUp& item) {
    const bool asked_for = item.flow < seen.flows.size() && seen.flows[item.flow].bound;
    return (!asked_for || !seen.drift.rules.empty()) && item.way && item.way->kind == Way::Kind::outside;
  });
}

/// FNV-1a, 64 bits: the same in each start, unlike std::hash.
std::uint64_t stable_hash(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

std::string meter_id(const std::string& instance, const std::string& client_id) {
  return fmt::format("{:016x}", stable_hash(instance + '\n' + client_id));
}

/// Shared with the handler under way, which ends when the watch has let go of it.
struct PacketWatch::Listener {
  Listener(boost::asio::io_context& io, LeakBell made) : bell(std::move(made)), descriptor(io, bell.fd()) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { descriptor.release(); }

  LeakBell bell;
  stream_descriptor descriptor;
};

PacketWatch::PacketWatch(boost::asio::io_context& io, const TargetPolicy& policy, std::function<void()> on_news,
                         std::function<bool()> ask_program)
    : io_(io),
      policy_(policy),
      on_news_(std::move(on_news)),
      ask_program_(std::move(ask_program)),
      timer_(io),
      id_(meter_id(policy.meter.instance, policy.client_id)),
      doubt_(policy.kill_switch.mode == KillSwitchMode::on_danger) {}

PacketWatch::~PacketWatch() { detach(true); }

void PacketWatch::attach(SocketOpener inside, const NamespaceIdentity& where) {
  detach(where != where_);
  where_ = where;
  if (policy_.meter.on) opener_ = std::move(inside);
}

void PacketWatch::detach(bool gone) {
  if (!gone) refresh();
  timer_.cancel();
  listener_.reset();
  meter_.reset();
  opener_.reset();
  why_not_.clear();
  failed_at_.reset();
  servers_awaited_.reset();
  program_ = {};
  doubt_.give_up();
  news_ = false;
  reads_again_ = false;
  rang_ = false;
  if (gone) {
    forget();
  } else {
    tally_.begin_anew();
  }
}

void PacketWatch::forget() {
  in_place_ = {};
  left_out_.clear();
  unseen_.clear();
  interrupted_.clear();
  routed_at_.reset();
  tally_ = {};
  since_ = {};
  doubt_.forget();
}

FirewallPolicy PacketWatch::wanted(const Observation& seen) const {
  auto policy = outside_policy(seen, policy_);
  keep_servers(policy, in_place_);
  // What the probe itself asks says nothing about the programs that are to be protected.
  auto with_own = policy;
  AllowedPackets own;
  own.priority = own_priority();
  with_own.allowed.insert(with_own.allowed.begin(), own);
  return check_policy(with_own) ? with_own : policy;
}

/// Servers move: what went to them before anybody said so was the tunnel's.
void PacketWatch::forgive(const Observation& seen, const FirewallPolicy& policy) {
  std::vector<IpAddress> servers;
  for (const auto& server : seen.endpoints) servers.push_back(server.address);
  auto fresh = policy.endpoints;
  std::erase_if(fresh,
                [&](const TunnelEndpoint& server) { return std::ranges::find(in_place_.endpoints, server) != in_place_.endpoints.end(); });
  // What left until now was counted by the old rules.
  if (!fresh.empty()) refresh();
  (void)tally_.forgive(servers, fresh, program_.user);
}

void PacketWatch::follow(const Observation& seen, const VpnProgram& program) {
  if (!opener_) return;
  program_ = program;
  count(seen);
  doubt_.follow(tally_, !reads_again_, program, servers_awaited_, mono_now(), ask_program_);
}

void PacketWatch::count(const Observation& seen) {
  const bool servers_awaited = program_.awaited && seen.endpoints.empty();
  if (!servers_awaited) servers_awaited_.reset();
  if (servers_awaited && !servers_awaited_) servers_awaited_ = mono_now();
  if (routes_let_out(seen)) {
    routed_at_ = mono_now();
    tally_.explain(*routed_at_);
  }
  if (!meter_ && failed_at_ && mono_now() - *failed_at_ < retry_pause) return;
  // Before its servers are known the VPN's own packets would be counted.
  if (!meter_ && must_wait()) return;
  if (!has_tunnel_name(seen, policy_)) {
    if (!meter_) why_not_ = "no tunnel is known yet";
    return;
  }
  unseen_ = unseen_devices(seen, policy_);
  const auto policy = wanted(seen);
  forgive(seen, policy);
  if (meter_ && policy == in_place_) {
    if (mono_now() - read_at_ >= fresh) read();
    return;
  }
  left_out_ = left_out(seen, policy_);
  if (!meter_) return install(policy);
  read();
  if (!meter_) return;
  if (const auto done = meter_->update(policy); !done) return stumble(done.error());
  in_place_ = policy;
}

void PacketWatch::install(const FirewallPolicy& policy) {
  // Before the rules: what leaves first must not ring for nobody.
  auto bell = LeakBell::open(*opener_, id_);
  auto meter = bell ? LeakMeter::install(*opener_, id_, policy) : Result<LeakMeter>(fail(bell.error()));
  if (!meter) {
    why_not_ = meter.error().message;
    failed_at_ = mono_now();
    return;
  }
  meter_ = std::move(*meter);
  in_place_ = policy;
  why_not_.clear();
  failed_at_.reset();
  unread_.clear();
  unbroken_since_ = wall_now();
  if (since_ == WallTime{}) since_ = unbroken_since_;
  verified_at_ = mono_now();
  listener_ = meter_->rings() ? std::make_shared<Listener>(io_, std::move(*bell)) : nullptr;
  if (listener_) wait_for_bell(listener_);
  look_in(pause());
}

void PacketWatch::wait_for_bell(const std::shared_ptr<Listener>& listener) {
  listener->descriptor.async_wait(stream_descriptor::wait_read,
                                  [this, weak = std::weak_ptr(listener)](const boost::system::error_code& error) {
                                    const auto heard = weak.lock();
                                    if (error || !heard) return;
                                    const auto rings = heard->bell.take();
                                    if (!rings) {
                                      listener_.reset();
                                      return look();
                                    }
                                    wait_for_bell(heard);
                                    if (!*rings) return;
                                    rang_ = true;
                                    look();
                                  });
}

std::chrono::milliseconds PacketWatch::pause() const {
  if (reads_again_) return pause_for_destinations;
  if (listener_ && !tally_.is_leaking()) return std::max<std::chrono::milliseconds>(pause_with_bell, policy_.meter.poll);
  return policy_.meter.poll;
}

void PacketWatch::look_in(std::chrono::milliseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

bool PacketWatch::must_wait() const { return servers_awaited_ && mono_now() - *servers_awaited_ < LeakDoubt::longest_silence; }

void PacketWatch::look() {
  if (!meter_) return;
  read();
  const auto now = mono_now();
  if (meter_ && now - verified_at_ >= (meter_->is_owned() ? verify_owned : verify_others)) {
    verified_at_ = now;
    check_in_place();
  }
  const bool ended = tally_.pass(now);
  if (meter_ && !tally_.is_leaking() && std::exchange(rang_, false)) {
    // Whatever leaves from now on rings; what left meanwhile is read once more. Where that failed it is asked for at the next look.
    rang_ = !meter_->rearm().has_value();
    read();
  }
  const bool told = std::exchange(news_, false);
  if (meter_) look_in(pause());
  if (told || ended) on_news_();
}

void PacketWatch::check_in_place() {
  auto same = meter_->verify();
  // What only we can change differs when an uplink came or went.
  if (!same && same.error().kind == Error::Kind::failed && meter_->is_owned()) same = meter_->update(in_place_);
  if (!same) stumble(same.error());
}

/// Only what is new is read whole.
void PacketWatch::read() {
  const auto read_before = std::exchange(read_at_, mono_now());
  const auto totals = meter_->read_totals();
  if (!totals) return stumble(totals.error());
  const bool is_news = tally_.is_news(*totals);
  if (!is_news) unread_.clear();
  // A packet is counted first, and noted where it goes an instant later.
  if (!std::exchange(reads_again_, is_news) && !is_news) return;
  const auto counters = meter_->read(most_seen_destinations);
  if (!counters) {
    reads_again_ = false;
    return stumble(counters.error());
  }
  unread_.clear();
  const auto now = mono_now();
  const bool routed = routed_at_ && (now - *routed_at_ < routes_explain || *routed_at_ >= read_before);
  if (tally_.take(*counters, wall_now(), now, routed)) news_ = true;
}

/// Only what is seen to be gone or changed is made anew. Rules that could not be looked at, as in the middle of others' changes, go on
/// counting.
void PacketWatch::stumble(const Error& error) {
  if (error.kind == Error::Kind::not_found || error.kind == Error::Kind::failed) return lose(error);
  unread_ = error.message;
}

/// Somebody took the rules away or changed them: they are made anew at once.
void PacketWatch::lose(const Error& error) {
  interrupted_ = error.message;
  interrupted_at_ = mono_now();
  news_ = true;
  listener_.reset();
  meter_.reset();
  tally_.begin_anew();
  install(in_place_);
}

void PacketWatch::fill(Observation& seen) const {
  if (!opener_) return;
  auto& view = seen.packets.emplace();
  view.counting = meter_.has_value() && unread_.empty();
  view.why_not = meter_ ? unread_ : why_not_;
  view.since = since_;
  view.unbroken_since = unbroken_since_;
  view.left_out = left_out_;
  if (!unseen_.empty()) view.egress_gap = "nobody looks at the way out of " + unseen_;
  if (meter_ && meter_->egress_gap()) view.egress_gap = meter_->egress_gap()->message;
  if (!interrupted_.empty() && mono_now() - interrupted_at_ < interruption_is_news) view.interrupted = interrupted_;
  tally_.fill(view, doubt_.telling(mono_now()));
}

}  // namespace vpn_sentinel
