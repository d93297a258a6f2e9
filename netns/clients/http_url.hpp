/// What the clients need to know of a URL (RFC 3986), read by libcurl's own parser so that both understand the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct HttpUrl {
  std::string scheme;                ///< "http" or "https"
  std::string host;                  ///< without brackets
  std::uint16_t port = 0;            ///< given or the scheme's
  std::optional<IpAddress> literal;  ///< when the host is an address
  std::string origin;                ///< "https://host" or "https://host:8443": all of a URL that may be shown to people

  /// invalid: not a URL, another scheme, or with a user name. The message never repeats the text.
  [[nodiscard]] static Result<HttpUrl> parse(const std::string& text);
};

}  // namespace vpn_sentinel
