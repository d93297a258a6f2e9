#include "probe/app/target_set.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "netns/base/fatal_error.hpp"
#include "netns/base/text.hpp"
#include "netns/daemon/exit_codes.hpp"
#include "probe/app/target_names.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t files_beside_targets = open_files_for(0);
constexpr std::size_t files_per_target = open_files_for(1) - open_files_for(0);
/// Finds new namespaces where inotify cannot.
constexpr auto search_period = 10s;
/// After an event, until the namespace is mounted: 1 ms, doubled, 127 ms in all.
constexpr int most_retries = 7;
constexpr auto first_retry = 1ms;
/// Names that are remembered as told.
constexpr std::size_t most_refused = 4096;
constexpr std::chrono::milliseconds longest_forget_pause = 60s;
constexpr std::chrono::milliseconds shortest_forget_pause = 50ms;

rlim_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return limit.rlim_max;
  }
  return limit.rlim_cur;
}

std::size_t targets_that_fit(rlim_t files) {
  if (files == RLIM_INFINITY) return 100'000;
  const auto count = static_cast<std::size_t>(files);
  return count <= files_beside_targets ? 1 : std::max<std::size_t>((count - files_beside_targets) / files_per_target, 1);
}

}  // namespace

TargetSet::TargetSet(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, std::vector<TargetPolicy> policies, Hooks hooks)
    : io_(io),
      http_(http),
      dns_(dns),
      hooks_(std::move(hooks)),
      most_targets_(targets_that_fit(raise_open_files())),
      search_timer_(io),
      retry_timer_(io),
      forget_timer_(io) {
  const auto given = std::ranges::count_if(policies, [](const TargetPolicy& policy) { return !policy.netns.is_pattern(); });
  if (static_cast<std::size_t>(given) > most_targets_) {
    throw FatalError(exit_unavailable, fmt::format("{} targets do not fit: the limit of open files allows {} ({} each). Hint: raise it "
                                                   "(LimitNOFILE= of the unit, ulimit -n)",
                                                   given, most_targets_, files_per_target));
  }
  for (auto& policy : policies) {
    if (policy.netns.is_pattern()) {
      patterns_.push_back(std::move(policy));
    } else {
      add(policy, false);
    }
  }
}

void TargetSet::start() {
  for (const auto& [client_id, entry] : watches_) {
    if (hooks_.on_added) hooks_.on_added(*entry.watch);
    entry.watch->start();
  }
  if (!patterns_.empty()) follow_patterns();
}

void TargetSet::check_now() {
  for (const auto& [client_id, entry] : watches_) entry.watch->check_now();
}

const TargetWatch* TargetSet::find(const std::string& client_id) const {
  const auto found = watches_.find(client_id);
  return found == watches_.end() ? nullptr : found->second.watch.get();
}

void TargetSet::for_each(const std::function<void(const TargetWatch&)>& call) const {
  for (const auto& [client_id, entry] : watches_) call(*entry.watch);
}

void TargetSet::add(const TargetPolicy& policy, bool by_pattern) {
  if (policy.netns.kind == NamespaceRef::Kind::name) named_.insert(policy.netns.value);
  auto watch = std::make_unique<TargetWatch>(io_, http_, dns_, policy, hooks_.on_update);
  watch->on_kill_switch([this, &target = *watch](const KillSwitchEvent& event) {
    if (hooks_.on_kill_switch) hooks_.on_kill_switch(target, event);
  });
  watches_.emplace(policy.client_id, Entry{std::move(watch), by_pattern, std::nullopt});
}

void TargetSet::follow_patterns() {
  events_ =
      boost::asio::use_service<NamespaceEvents>(io_).subscribe(named_namespaces, {}, [this](const std::string& name) { on_event(name); });
  look_for_new();
  forget_in_time();
}

void TargetSet::look_for_new() {
  for (const auto& name : namespace_names()) take_if_new(name);
  search_timer_.expires_after(search_period);
  search_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look_for_new();
  });
}

void TargetSet::on_event(const std::string& name) {
  if (name.empty()) return look_for_new();
  retries_left_ = most_retries;
  take_if_new(name);
  retry_soon();
}

void TargetSet::retry_soon() {
  if (unfinished_.empty() || retries_left_ == 0) return unfinished_.clear();
  retry_timer_.expires_after(first_retry * (1 << (most_retries - retries_left_)));
  --retries_left_;
  retry_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    for (const auto& name : std::exchange(unfinished_, {})) take_if_new(name);
    retry_soon();
  });
}

void TargetSet::take_if_new(const std::string& name) {
  const auto pattern = std::ranges::find_if(patterns_, [&name](const TargetPolicy& policy) { return policy.netns.matches(name); });
  if (named_.contains(name) || pattern == patterns_.end()) return;
  // What the settings would not take is not taken from a folder either: a name with control characters.
  if (const auto ref = NamespaceRef::parse("name:" + name); !ref) return refuse(name, ref.error());
  const auto there = NetNamespace::identity_of(NamespaceRef{NamespaceRef::Kind::name, name});
  if (there || (there.error().kind != Error::Kind::not_found && there.error().kind != Error::Kind::invalid)) return take(*pattern, name);
  // The file comes first and the namespace is mounted on it: watched before, it would be told of as one that cannot be looked at.
  if (there.error().kind == Error::Kind::invalid) unfinished_.insert(name);
}

void TargetSet::take(const TargetPolicy& pattern, const std::string& name) {
  const auto policy = target_of_pattern(pattern, name, [this](const std::string& id) { return watches_.contains(id); });
  if (watches_.size() >= most_targets_ || watches_.contains(policy.client_id)) {
    if (watches_.contains(policy.client_id))
      return refuse(name, Error{Error::Kind::unavailable, fmt::format("the client_id {} is taken", policy.client_id)});
    return refuse(name, Error{Error::Kind::overrun,
                              fmt::format("{} targets are watched, more do not fit into the limit of open files", watches_.size())});
  }
  add(policy, true);
  auto& watch = *watches_.at(policy.client_id).watch;
  if (hooks_.on_added) hooks_.on_added(watch);
  watch.start();
}

void TargetSet::refuse(const std::string& name, const Error& reason) {
  // After so many it is known that the pattern is too wide.
  if (refused_.size() >= most_refused) return;
  if (refused_.insert(name).second && hooks_.on_refused) hooks_.on_refused("name:" + without_control_characters(name), reason);
}

void TargetSet::forget_in_time() {
  auto pause = longest_forget_pause;
  for (const auto& pattern : patterns_) {
    if (pattern.forget_after > 0ms) pause = std::min(pause, pattern.forget_after / 4);
  }
  forget_timer_.expires_after(std::max(pause, shortest_forget_pause));
  forget_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    forget_old();
    forget_in_time();
  });
}

void TargetSet::forget_old() {
  const auto now = mono_now();
  for (auto entry = watches_.begin(); entry != watches_.end();) {
    auto& [watch, by_pattern, gone_since] = entry->second;
    const auto after = watch->policy().forget_after;
    if (!watch->seen().namespace_gone) gone_since.reset();
    if (watch->seen().namespace_gone && !gone_since) gone_since = now;
    if (!by_pattern || after == 0ms || !gone_since || now - *gone_since < after) {
      ++entry;
      continue;
    }
    if (hooks_.on_forgotten) hooks_.on_forgotten(*watch);
    named_.erase(watch->policy().netns.value);
    refused_.clear();  // there is room again
    watch->stop();
    // Handlers that are on their way to it come first.
    boost::asio::post(io_, [old = std::shared_ptr<TargetWatch>(std::move(watch))] {});
    entry = watches_.erase(entry);
  }
}

}  // namespace vpn_sentinel
