/// What a request line and the headers Host and Origin say. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vpn_sentinel {

/// The two parts of a request target; views into the text that was split.
struct Target {
  std::string_view path;
  std::string_view query;
  friend bool operator==(const Target&, const Target&) = default;
};

/// "/a?b=c", "//a" (one slash is kept), "http://host/a" (RFC 9112 3.2.2), "*". Nullopt: none of these, or with control characters.
[[nodiscard]] std::optional<Target> split_target(std::string_view text);

/// The value of `name` in a query, as it stands (no percent-decoding); empty when absent.
[[nodiscard]] std::string_view query_value(std::string_view query, std::string_view name);

/// True when the Origin header names the same host and port as the Host header. The scheme is not compared: a proxy may speak TLS.
[[nodiscard]] bool is_same_origin(std::string_view origin, std::string_view host);

/// A Host header (RFC 9110 7.2): a name, an IPv4 address or an IPv6 one in brackets, by RFC 3986 3.2.2, and a port or none. An empty one is
/// valid: it is what a client sends for an address without a host.
[[nodiscard]] bool is_valid_host(std::string_view host);

/// True for localhost and loopback addresses such as 127.0.0.1 and [::1], with or without a port. A name that merely resolves to
/// loopback (DNS rebinding) is none of them.
[[nodiscard]] bool is_loopback_host(std::string_view host);

/// ASCII letters only, as names in HTTP are.
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right);

}  // namespace vpn_sentinel
