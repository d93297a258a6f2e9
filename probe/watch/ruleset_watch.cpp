#include "probe/watch/ruleset_watch.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fstream>

#include "netns/firewall/ruleset_dump.hpp"
#include "probe/watch/outside_policy.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using boost::asio::posix::stream_descriptor;

/// A program that sets up its rules one by one is looked at when it has done a part of them.
constexpr auto settle = 10ms;
constexpr auto reread = 60s;
/// Of the loop's time at most a twentieth, however fast others change large rulesets.
constexpr int rest_factor = 20;
constexpr std::size_t most_servers = 64;

bool can_leave(const Snapshot& snapshot, const std::vector<audit::Uplink>& uplinks, Family family) {
  return std::ranges::any_of(snapshot.addresses, [&](const InterfaceAddress& own) {
    const bool on_uplink = std::ranges::find(uplinks, own.link_index, &audit::Uplink::index) != uplinks.end();
    return on_uplink && own.address.family() == family && !(family == Family::v6 && own.address.is_link_local());
  });
}

bool same(const audit::AuditQuestion& a, const audit::AuditQuestion& b) {
  const auto links = [](const audit::Uplink& x, const audit::Uplink& y) { return x.name == y.name && x.index == y.index; };
  const auto users = [](const audit::Numbers& x, const audit::Numbers& y) { return x.first == y.first && x.last == y.last; };
  return a.v4 == b.v4 && a.v6 == b.v6 && a.not_outside == b.not_outside && std::ranges::equal(a.uplinks, b.uplinks, links) &&
         std::ranges::equal(a.users, b.users, users);
}

std::string own_program() {
  std::ifstream file{"/proc/self/comm"};
  std::string name;
  std::getline(file, name);
  return name;
}

RulesetView::Verdict as_view(audit::AuditVerdict verdict) {
  switch (verdict) {
    case audit::AuditVerdict::holds:
      return RulesetView::Verdict::holds;
    case audit::AuditVerdict::lets_out:
      return RulesetView::Verdict::lets_out;
    default:
      return RulesetView::Verdict::undecided;
  }
}

}  // namespace

audit::AuditQuestion audit_question(const Observation& seen, const Snapshot& snapshot, const TargetPolicy& policy,
                                    const std::vector<IpAddress>& servers) {
  const auto outside = outside_policy(seen, policy);
  audit::AuditQuestion question;
  for (const auto& name : outside.uplinks) {
    const auto* const link = snapshot.find_link(name);
    question.uplinks.push_back({name, link != nullptr ? link->index : 0});
  }
  question.v4 = can_leave(snapshot, question.uplinks, Family::v4);
  question.v6 = can_leave(snapshot, question.uplinks, Family::v6);
  question.not_outside = outside.local_networks;
  for (const auto& address : servers) question.not_outside.emplace_back(address, 128);
  for (const auto& allowed : outside.allowed) {
    AllowedPackets only_users;
    only_users.uids = allowed.uids;
    if (allowed.uids && allowed == only_users) question.users.push_back({allowed.uids->first, allowed.uids->last});
    AllowedPackets only_destination;
    only_destination.destination = allowed.destination;
    if (allowed.destination && allowed == only_destination) question.not_outside.push_back(*allowed.destination);
  }
  return question;
}

void RulesetWatch::fill(Observation& seen) const {
  seen.require_kill_switch = policy_.audit.require_kill_switch;
  // Before the first look there may be an event already.
  if (looked_) seen.ruleset = view_;
}

/// Shared with the wait under way, which ends when `events` is gone.
struct RulesetWatch::Listener {
  Listener(boost::asio::io_context& io, audit::RulesetEvents source) : events(std::move(source)), descriptor(io) {}
  ~Listener() { release(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  void release() {
    ended = true;
    // The descriptor is the source's own.
    if (descriptor.is_open()) descriptor.release();
  }
  audit::RulesetEvents events;
  stream_descriptor descriptor;
  bool ended = false;
};

RulesetWatch::RulesetWatch(boost::asio::io_context& io, const TargetPolicy& policy, std::function<void()> on_news)
    : io_(io), policy_(policy), on_news_(std::move(on_news)), timer_(io) {}

RulesetWatch::~RulesetWatch() { detach(); }

void RulesetWatch::attach(const NetNamespace& space) {
  detach();
  if (!policy_.audit.on) return;
  space_ = space;
  listen();
}

void RulesetWatch::detach() {
  timer_.cancel();
  due_.reset();
  if (listener_) listener_->release();
  listener_.reset();
  socket_.reset();
  space_.reset();
  question_.reset();
  servers_.clear();
  view_.reset();
  looked_ = false;
  changed_by_others_ = false;
  held_ = false;
}

/// Before anything is read, so that no change is missed. Whoever may not listen may not read either, and that is told by the reading.
void RulesetWatch::listen() {
  auto events = audit::RulesetEvents::open(space_->opener());
  if (!events) return;
  listener_ = std::make_shared<Listener>(io_, std::move(*events));
  boost::system::error_code error;
  listener_->descriptor.assign(listener_->events.fd(), error);
  if (error) {
    listener_.reset();
    return;
  }
  wait(listener_);
}

void RulesetWatch::wait(const std::shared_ptr<Listener>& listener) {
  listener->descriptor.async_wait(stream_descriptor::wait_read, [this, listener](const boost::system::error_code& error) {
    if (error || listener->ended) return;
    on_events();
    if (!listener->ended) wait(listener);
  });
}

void RulesetWatch::on_events() {
  static const auto program = own_program();
  const auto process = static_cast<std::uint32_t>(::getpid());
  const auto news = listener_->events.read();
  if (!news) {
    // Without a listener the ruleset is still read once a minute.
    listener_->release();
    listener_.reset();
    return look_in(settle);
  }
  if (!view_) view_.emplace();
  const auto told = [&](std::string author, std::string tables) {
    changed_by_others_ = true;
    view_->changed_by = std::move(author);
    view_->changed_tables = std::move(tables);
    view_->changed_at = wall_now();
  };
  if (news->lost) told("unknown: too many changes at once", "");
  for (const auto& change : news->changes) {
    if (!audit::is_own_change(change, process, program)) told(audit::describe_author(change), audit::describe_tables(change));
  }
  if (news->lost || !news->changes.empty()) look_in(settle);
}

void RulesetWatch::follow(const Observation& seen, const Snapshot& snapshot) {
  if (!space_) return;
  const auto remember = [&](const IpAddress& address) {
    if (servers_.size() < most_servers && std::ranges::find(servers_, address) == servers_.end()) servers_.push_back(address);
  };
  for (const auto& server : seen.endpoints) remember(server.address);
  for (const auto& address : seen.possible_endpoints) remember(address);
  auto question = audit_question(seen, snapshot, policy_, servers_);
  if (question_ && same(*question_, question)) return;
  question_ = std::move(question);
  if (mono_now() >= not_before_) {
    look();
  } else {
    look_in(settle);
  }
}

void RulesetWatch::look_in(std::chrono::milliseconds pause) {
  const auto when = std::max(mono_now() + pause, not_before_);
  // What is due earlier stays: a steady stream of changes must not put it off for ever.
  if (due_ && *due_ <= when) return;
  due_ = when;
  timer_.expires_at(when);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || !space_) return;
    due_.reset();
    look();
    on_news_();
  });
}

Result<audit::Audit> RulesetWatch::ask() {
  if (!socket_) {
    auto opened = nft::open_nft(space_->opener());
    if (!opened) return fail(opened.error());
    socket_ = std::move(*opened);
  }
  auto ruleset = audit::read_whole_ruleset(*socket_);
  if (!ruleset) return fail(ruleset.error());
  auto legacy = audit::read_legacy_tables(*space_);
  if (!legacy) return fail(legacy.error());
  auto question = *question_;
  question.legacy = std::move(*legacy);
  generation_ = ruleset->generation;
  return audit_ruleset(*ruleset, question);
}

void RulesetWatch::look() {
  if (!question_) return;
  const auto begun = mono_now();
  const auto generation_before = generation_;
  const auto audit = ask();
  looked_ = true;
  if (!view_) view_.emplace();
  view_->no_uplink = question_->uplinks.empty();
  if (audit) {
    compare(*audit, generation_before);
  } else {
    view_->verdict = RulesetView::Verdict::undecided;
    view_->why_not = audit.error().message;
    view_->reasons.clear();
    socket_.reset();
  }
  const auto now = mono_now();
  not_before_ = now + (now - begun) * rest_factor;
  due_.reset();
  look_in(reread);
}

void RulesetWatch::compare(const audit::Audit& audit, std::uint32_t generation_before) {
  const bool other_rules = generation_ != generation_before && changed_by_others_;
  view_->verdict = as_view(audit.verdict);
  view_->reasons = audit.reasons;
  view_->others_held = audit.anything_held;
  view_->why_not.clear();
  const bool holds = view_->verdict == RulesetView::Verdict::holds;
  // Another question (a server that is not known any more) is no change of the rules.
  if (held_ && !holds && other_rules) view_->held_before = true;
  if (holds) view_->held_before = false;
  held_ = holds;
  if (generation_ != generation_before) changed_by_others_ = false;
}

}  // namespace vpn_sentinel
