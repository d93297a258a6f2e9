/// The reply of /cdn-cgi/trace: one `key=value` per line, about 300 bytes. Pure.
#pragma once

#include <string>
#include <string_view>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct TraceAnswer {
  IpAddress ip;
  std::string country;  ///< `loc`: alpha-2 of the address by the service's own database; empty if it gave none
  std::string colo;     ///< `colo`: the site that answered; says nothing about a jurisdiction
  friend bool operator==(const TraceAnswer&, const TraceAnswer&) = default;
};

/// `host`: what was asked; when the reply names its host (`h`), both must be equal. A reply through WARP (`warp=on`) is refused: its
/// address is the service's own. Unknown keys are skipped, values may hold '='.
[[nodiscard]] Result<TraceAnswer> parse_trace(std::string_view text, std::string_view host);

}  // namespace vpn_sentinel
