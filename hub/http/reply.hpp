/// The bytes of an HTTP/1.1 reply, and the replies that every route needs. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "hub/http/server.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// What the connection adds to a response.
struct ReplyFrame {
  bool keep_alive = true;
  bool head_only = false;      ///< the answer to HEAD: every header, no body
  bool http_1_0 = false;       ///< keep-alive must be said aloud
  std::string_view date = {};  ///< IMF-fixdate; empty: left out
};

/// The whole reply in one buffer, so that it is written with one system call.
[[nodiscard]] std::string serialize(const Response& response, const ReplyFrame& frame);

/// "Not Found" for 404; "Unknown" for a number that is not in the table.
[[nodiscard]] std::string_view reason_phrase(int status);

/// "Sun, 06 Nov 1994 08:49:37 GMT".
[[nodiscard]] std::string imf_fixdate(WallTime time);

/// JSON with sorted keys, compact, ending in a newline. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string to_text(const nlohmann::json& json);
[[nodiscard]] Response json_response(int status, const nlohmann::json& json);
/// {"error": …, "message": …}; an empty message is left out.
[[nodiscard]] Response error_response(int status, std::string_view error, std::string_view message);
/// 503 with when to try again, in seconds.
[[nodiscard]] Response unavailable_response(std::string_view message, std::string retry_after);
/// 400 for a query string of which Parameters says what is wrong.
[[nodiscard]] Response wrong_parameter(const std::string& problem);
/// 503: the store did not answer in time, or cannot be read.
[[nodiscard]] Response unreadable_response(const Error& error);
[[nodiscard]] Response redirect_response(std::string location);

/// A Content-Security-Policy: nothing but `sources` ("script-src 'self'; …"), no frame around it, no form, no other base.
[[nodiscard]] std::string page_policy(std::string_view sources);

}  // namespace vpn_sentinel
