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
    acknowledged,  ///< 2xx with {"status": "ok"}, as the Python original's hub and ours say it
    refused,       ///< the hub will never take this report: 400, 413, 422 with a text `error`, as both write it
    failed,        ///< try again later: also whatever is no hub's word
  };
  Kind kind = Kind::failed;
  Error error;                                    ///< not for acknowledged: status, the hub's own words, and the setting to check
  std::optional<std::chrono::milliseconds> wait;  ///< Retry-After of 429, 503 and 507, at most five minutes
  bool no_room = false;                           ///< for this client; those that the hub knows are taken
};

[[nodiscard]] HubAnswer read_answer(const HttpResponse& response);

/// Whether an answer by which a report was not taken leaves something to hope for from the other path. By the tunnel it may come from
/// whatever stands there (a captive portal, a proxy), and an address that the hub does not allow may be that of the exit; so only what is
/// the hub's own word and the same by every path ends it: its key, its rate limit, its wish to be left alone for a while, what is wrong
/// with the report itself. By the uplink the hub's own word always does.
[[nodiscard]] bool other_path_may_help(const HttpResponse& response, const HubAnswer& answer, bool by_tunnel);

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
