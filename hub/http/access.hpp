/// What decides who may ask and how much: replaced as a whole while the I/O threads read it, and what they count. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "hub/http/keyring.hpp"
#include "hub/http/token_buckets.hpp"
#include "netns/base/ip.hpp"

namespace vpn_sentinel {

struct AccessRules {
  std::vector<IpPrefix> allowed;          ///< clients of the API; empty: everybody
  std::vector<IpPrefix> trusted_proxies;  ///< whose X-Forwarded-For counts
  unsigned rate_limit = 0;                ///< requests per minute and address or client key; 0: no limit
  Keyring keys;
};

/// Slows down guessing. Ten failures of an address count at once, then ten per minute; more are refused unseen. Whoever has logged in
/// with the secret from that address during the last day is let pass nevertheless: one probe with a wrong key must not lock out the
/// thousand behind the same NAT.
class LoginBrake {
 public:
  explicit LoginBrake(std::size_t entries = 16'384) : failures_(entries), known_until_(entries), told_until_(1024) {}

  /// How long until an attempt from there is looked at again.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> wait(const IpAddress& address, MonoTime now) const;
  /// A wrong secret. True when that is worth a line of the log: attempts are refused from now on, and nobody was told lately.
  [[nodiscard]] bool failed(const IpAddress& address, MonoTime now);
  void succeeded(const IpAddress& address, MonoTime now);
  [[nodiscard]] bool knows(const IpAddress& address, MonoTime now) const;
  /// The secret has changed: nobody has logged in with it.
  void forget() { known_until_.clear(); }

 private:
  TokenBuckets failures_;
  MomentTable known_until_;
  MomentTable told_until_;
  TokenBuckets lines_{1};
};

/// What goes first where the tokens are few.
enum class Urgency : std::uint8_t {
  low,     ///< leaves a quarter of the bucket, and where there is as much what the longest report costs: flows, replays of what went on
  middle,  ///< leaves what the longest report costs, of a small bucket a sixteenth, unless it costs one token itself: replays of changes
  high,    ///< live reports and whatever else is asked
};

class Access {
 public:
  struct Options {
    /// Nobody needs a key while there is none: for listeners on loopback. Otherwise nobody passes then.
    bool open_without_keys = false;
    /// Whose requests and failed log-ins are counted at a time.
    std::size_t requesters = 16'384;
    std::size_t logins = 16'384;
    std::function<MonoTime()> now = mono_now;
    /// An address sent too many wrong keys or passwords ("api", "dashboard"). On an I/O thread, a few times per minute at most.
    std::function<void(std::string_view what, const IpAddress& address)> on_refused;
  };

  Access(AccessRules rules, Options options);

  [[nodiscard]] std::shared_ptr<const AccessRules> rules() const;
  void replace(AccessRules rules);

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  /// Takes what a request with a body of `body_bytes` costs: one token, and one more for each started 4 KiB after the first, so that a
  /// batch of reports costs about a fifth of what they would cost one by one. Otherwise the time until there is enough.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> charge(const BucketKey& who, std::size_t body_bytes, Urgency urgency);
  [[nodiscard]] LoginBrake& api_logins() noexcept { return api_logins_; }
  [[nodiscard]] LoginBrake& dashboard_logins() noexcept { return dashboard_logins_; }

 private:
  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const AccessRules> rules_;
  std::atomic<unsigned> rate_limit_;
  TokenBuckets requests_;
  LoginBrake api_logins_;
  LoginBrake dashboard_logins_;
};

}  // namespace vpn_sentinel
