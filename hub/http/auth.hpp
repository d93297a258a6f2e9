/// Who may ask: checks that come before anything of the body is looked at. Each is a Gate: nullopt lets the request pass.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hub/http/server.hpp"
#include "netns/base/ip.hpp"

namespace vpn_sentinel {

using Gate = std::function<std::optional<Response>(const Request&)>;

/// 403 unless the peer's own address is in one of the prefixes. X-Forwarded-For is not looked at: anybody can write it.
[[nodiscard]] Gate allow_addresses(std::vector<IpPrefix> prefixes);

/// 401 without `X-API-Key: KEY` or `Authorization: Bearer KEY`, 403 with a wrong one. Only a hash of the key is kept, and hashes are
/// compared in constant time.
[[nodiscard]] Gate require_key(const std::string& key);

/// HTTP Basic with any user name; 401 with WWW-Authenticate otherwise.
[[nodiscard]] Gate require_password(const std::string& password);

/// 421 unless the Host header is a loopback name: a page of another site whose name was made to resolve to 127.0.0.1 (DNS rebinding)
/// is refused. For listeners on loopback that ask for no password.
[[nodiscard]] Gate require_loopback_host();

/// 403 when a browser sends the request from a page of another site (Origin header): a page must not report in the name of a probe.
[[nodiscard]] Gate refuse_other_sites();

/// The first refusal.
[[nodiscard]] std::optional<Response> pass_gates(const std::vector<Gate>& gates, const Request& request);

}  // namespace vpn_sentinel
