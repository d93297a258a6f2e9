/// What the hub's answer to one report means. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

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
  std::optional<std::chrono::milliseconds> wait;  ///< Retry-After of 429 and 503, at most five minutes
};

[[nodiscard]] HubAnswer read_answer(const HttpResponse& response);
/// `error` of the transport with the setting to check.
[[nodiscard]] Error with_hint(Error error);

}  // namespace vpn_sentinel
