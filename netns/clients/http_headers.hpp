/// Words of an HTTP message: what may be sent, and what a header line says. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {

/// invalid: method or a header has characters with which more could be sent than one request.
[[nodiscard]] Result<void> check_words(const HttpRequest& request);

/// The value of a header line `NAME: VALUE` without white space around it, if it is this header.
[[nodiscard]] std::optional<std::string_view> header_value(std::string_view line, std::string_view name);

/// The seconds of a Retry-After header's value, if it is a number.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view value);

}  // namespace vpn_sentinel
