#include "hub/http/access.hpp"

#include <algorithm>
#include <utility>

#include "hub/ingest/admission.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t bytes_per_token = 4096;
constexpr unsigned longest_report = max_report_bytes / bytes_per_token;
constexpr TokenBuckets::Pace failure_pace{std::chrono::seconds{6}, 10};
constexpr TokenBuckets::Pace line_pace{std::chrono::seconds{10}, 6};
constexpr std::chrono::hours known_for{24};
constexpr std::chrono::minutes told_for{10};

/// What must be left to those that are more urgent, of a bucket of `rate` tokens.
unsigned reserve_of(Urgency urgency, unsigned rate, unsigned cost) {
  switch (urgency) {
    case Urgency::low:
      return std::max(rate / 4, std::min(rate / 2, longest_report));
    case Urgency::middle:
      return cost > 1 ? std::min(rate / 16, longest_report) : 0;
    case Urgency::high:
      break;
  }
  return 0;
}

}  // namespace

std::optional<nanoseconds> LoginBrake::wait(const IpAddress& address, MonoTime now) const {
  return failures_.wait(bucket_of(address), failure_pace, now);
}

bool LoginBrake::failed(const IpAddress& address, MonoTime now) {
  const auto who = bucket_of(address);
  static_cast<void>(failures_.take(who, failure_pace, 1, 0, now));
  if (!failures_.wait(who, failure_pace, now)) return false;
  const bool told = told_until_.update(who, [now](MonoTime& until) { return std::exchange(until, now + told_for) > now; });
  return !told && !lines_.take({0, 1}, line_pace, 1, 0, now);
}

void LoginBrake::succeeded(const IpAddress& address, MonoTime now) {
  known_until_.update(bucket_of(address), [now](MonoTime& until) { until = now + known_for; });
}

bool LoginBrake::knows(const IpAddress& address, MonoTime now) const { return known_until_.find(bucket_of(address)) > now; }

Access::Access(AccessRules rules, Options options)
    : options_(std::move(options)),
      rules_(std::make_shared<const AccessRules>(std::move(rules))),
      rate_limit_(rules_->rate_limit),
      requests_(options_.requesters),
      api_logins_(options_.logins),
      dashboard_logins_(options_.logins) {}

std::shared_ptr<const AccessRules> Access::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

void Access::replace(AccessRules rules) {
  auto fresh = std::make_shared<const AccessRules>(std::move(rules));
  if (rate_limit_.exchange(fresh->rate_limit) != fresh->rate_limit) requests_.clear();
  if (!fresh->keys.has_same_shared_key(this->rules()->keys)) api_logins_.forget();
  const std::lock_guard lock(mutex_);
  rules_.swap(fresh);
}

std::optional<nanoseconds> Access::charge(const BucketKey& who, std::size_t body_bytes, Urgency urgency) {
  const unsigned rate = rate_limit_;
  if (rate == 0) return std::nullopt;
  const TokenBuckets::Pace pace{nanoseconds{std::chrono::minutes{1}} / rate, rate};
  const auto cost = 1 + static_cast<unsigned>((body_bytes == 0 ? 0 : body_bytes - 1) / bytes_per_token);
  return requests_.take(who, pace, cost, reserve_of(urgency, rate, cost), options_.now());
}

}  // namespace vpn_sentinel
