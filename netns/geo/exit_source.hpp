/// Services that tell by which address they see us, and what each of them answers. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/geo/address_facts.hpp"

namespace vpn_sentinel {

/// Whose format the answer has; mirrors speak the same.
enum class SourceKind : std::uint8_t {
  trace,        ///< Cloudflare's /cdn-cgi/trace
  ipinfo,       ///< ipinfo.io/json
  ip_api,       ///< ip-api.com/json (plain HTTP only without a key)
  ipwhois,      ///< ipwho.is
  ipwhois_app,  ///< ipwhois.app/json, the older form of the same operator
  mullvad,      ///< am.i.mullvad.net/json
};

struct ExitSource {
  SourceKind kind = SourceKind::trace;
  std::string url;
  friend bool operator==(const ExitSource&, const ExitSource&) = default;
};

/// One HTTP reply; the views live as long as the call.
struct SourceReply {
  std::string_view host;  ///< that was asked, without brackets
  long status = 0;
  std::string_view body;
  std::optional<std::chrono::seconds> retry_after = std::nullopt;  ///< Retry-After
  std::string_view rate_left = {};                                 ///< X-Rl of ip-api.com: requests left in its window
  std::string_view rate_ends = {};                                 ///< X-Ttl: seconds until the window ends
};

struct SourceAnswer {
  IpAddress address;
  AddressFacts facts;
  std::string colo;                                         ///< of a trace: the site that answered; says nothing about a jurisdiction
  std::optional<std::chrono::seconds> rest = std::nullopt;  ///< the service wants no further question for so long
  friend bool operator==(const SourceAnswer&, const SourceAnswer&) = default;
};

/// Why there is no address.
struct SourceRefusal {
  Error error;
  bool limited = false;                                     ///< it answers, but not us for now: too many came from our address
  std::optional<std::chrono::seconds> rest = std::nullopt;  ///< for how long, if it said so
  friend bool operator==(const SourceRefusal&, const SourceRefusal&) = default;
};

/// No longer body is read.
inline constexpr std::size_t most_source_bytes = 16 * 1024;

/// An address that is not of `family`, or that nobody on the Internet can see (private, reserved), is refused. Countries come out as
/// alpha-2 or not at all, networks as numbers. Failures that come with status 200, pages instead of JSON and values of the wrong type are
/// refusals.
[[nodiscard]] tl::expected<SourceAnswer, SourceRefusal> read_source(SourceKind kind, const SourceReply& reply, Family family);

}  // namespace vpn_sentinel
