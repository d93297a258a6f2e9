/// What the hub's answer to one report or to a batch means. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {

struct HubAnswer {
  enum class Kind : std::uint8_t {
    acknowledged,  ///< any 2xx
    refused,       ///< the hub will never take this report: 400, 413, 422
    failed,        ///< try again later
  };
  Kind kind = Kind::failed;
  Error error;                                    ///< not for acknowledged: status, the hub's own words, and the setting to check
  std::optional<std::chrono::milliseconds> wait;  ///< Retry-After of 429, 503 and 507, at most five minutes
};

[[nodiscard]] HubAnswer read_answer(const HttpResponse& response);
struct BatchAnswer {
  enum class Kind : std::uint8_t {
    judged,     ///< `each` has an answer for every report, in order
    no_batch,   ///< this hub takes single reports only, or no hub answers like this: send them one by one
    too_large,  ///< a smaller batch may pass: 413
    failed,     ///< try again later
  };
  Kind kind = Kind::failed;
  std::vector<HubAnswer> each;
  HubAnswer whole;  ///< for failed
};

/// The answer to `count` reports in one POST {prefix}/events.
[[nodiscard]] BatchAnswer read_batch_answer(const HttpResponse& response, std::size_t count);

/// `error` of the transport with the setting to check.
[[nodiscard]] Error with_hint(Error error);

}  // namespace vpn_sentinel
