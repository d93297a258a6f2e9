#include "probe/delivery/hub_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t longest_quote = 200;
constexpr std::chrono::minutes longest_wait{5};

std::string_view hint_for(long status) {
  if (status == 401) return "check VPN_SENTINEL_API_KEY";
  if (status == 403) return "check VPN_SENTINEL_API_KEY and the hub's VPN_SENTINEL_SERVER_ALLOWED_IPS";
  if (status == 404 || status == 405) return "check VPN_SENTINEL_API_PATH and VPN_SENTINEL_URL";
  if (status == 429) return "the hub's rate limit is met; raise it there or VPN_SENTINEL_INTERVAL here";
  if (status >= 500) return "the hub or a proxy before it has trouble: see the hub's log, and check VPN_SENTINEL_URL";
  if (status >= 400) return "see the hub's log";
  return "no hub answers like this: check VPN_SENTINEL_URL (http or https, host and port)";
}

/// The hub's own words: {"error": …, "message": …}; of anything else (a proxy's page) nothing.
std::string words_of(const std::string& body) {
  const auto parsed = json::parse(body, nullptr, false);
  if (!parsed.is_object()) return {};
  std::string words;
  for (const auto* const key : {"error", "message"}) {
    const auto found = parsed.find(key);
    if (found == parsed.end() || !found->is_string() || found->get_ref<const std::string&>().empty()) continue;
    words += (words.empty() ? "" : ": ") + found->get<std::string>();
  }
  if (words.size() > longest_quote) words.resize(longest_quote);
  return words.empty() ? words : fmt::format(" ({})", words);
}

}  // namespace

HubAnswer read_answer(const HttpResponse& response) {
  const auto status = response.status;
  if (status >= 200 && status < 300) return HubAnswer{HubAnswer::Kind::acknowledged, {}, {}};
  const auto said = fmt::format("the hub answered {}{}", status, words_of(response.body));
  if (status == 400 || status == 413 || status == 422) {
    return HubAnswer{HubAnswer::Kind::refused, Error{Error::Kind::invalid, said}, {}};
  }
  const auto kind = status == 401 || status == 403 ? Error::Kind::not_permitted : Error::Kind::failed;
  HubAnswer answer{HubAnswer::Kind::failed, Error{kind, fmt::format("{}; {}", said, hint_for(status))}, {}};
  if (response.retry_after && (status == 429 || status == 503)) {
    answer.wait = std::clamp<std::chrono::milliseconds>(*response.retry_after, std::chrono::milliseconds{0}, longest_wait);
  }
  return answer;
}

Error with_hint(Error error) {
  error.message += error.message.find("TLS") != std::string::npos || error.message.find("certificate") != std::string::npos
                       ? "; check VPN_SENTINEL_TLS_CERT_PATH and VPN_SENTINEL_URL"
                       : "; check VPN_SENTINEL_URL and that the hub runs";
  return error;
}

}  // namespace vpn_sentinel
