#include "probe/delivery/hub_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

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
std::string words_of(const json& parsed) {
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

/// As our hub refuses a client that it does not know yet.
bool has_no_room(long status, const json& body) {
  const auto error = body.is_object() ? body.find("error") : body.end();
  return status == 507 && error != body.end() && *error == "Too many clients";
}

bool is_success(long status) { return status >= 200 && status < 300; }

/// As the Python original's hub and ours take a report.
bool says_ok(const json& body) {
  const auto status = body.is_object() ? body.find("status") : body.end();
  return status != body.end() && *status == "ok";
}

/// As both hubs refuse one. Proxies and portals answer 400 and 413, too: with pages of their own.
bool names_an_error(const json& body) {
  const auto error = body.is_object() ? body.find("error") : body.end();
  return error != body.end() && error->is_string();
}

HubAnswer no_hub(long status) {
  const auto said = fmt::format("something that is no hub answered {} in its place", status);
  return {HubAnswer::Kind::failed, Error{Error::Kind::failed, said + "; check VPN_SENTINEL_URL, and the network for a login page"}, {}};
}

/// `status` and `body` of one report, alone or out of a batch.
HubAnswer judge(long status, const json& body) {
  if (is_success(status)) return HubAnswer{HubAnswer::Kind::acknowledged, {}, {}};
  const auto said = fmt::format("the hub answered {}{}", status, words_of(body));
  if (status == 400 || status == 413 || status == 422) {
    if (!names_an_error(body)) return no_hub(status);
    return HubAnswer{HubAnswer::Kind::refused, Error{Error::Kind::invalid, said}, {}};
  }
  const auto kind = status == 401 || status == 403 ? Error::Kind::not_permitted : Error::Kind::failed;
  return HubAnswer{HubAnswer::Kind::failed, Error{kind, fmt::format("{}; {}", said, hint_for(status))}, {}};
}

/// One answer for each report, or none at all: half an answer proves nothing about what is stored.
std::vector<HubAnswer> judge_each(const json& body, std::size_t count) {
  const auto results = says_ok(body) ? body.find("results") : body.end();
  if (results == body.end() || !results->is_array() || results->size() != count) return {};
  std::vector<HubAnswer> answers;
  for (const auto& result : *results) {
    const auto status = result.is_object() ? result.find("status") : result.end();
    if (status == result.end() || !status->is_number_integer()) return {};
    answers.push_back(judge(status->get<long>(), result));
  }
  return answers;
}

}  // namespace

HubAnswer read_answer(const HttpResponse& response) {
  const auto status = response.status;
  const auto body = json::parse(response.body, nullptr, false);
  // A portal or proxy that answers 200 with a page of its own, or 204 as connectivity checks like it, has stored nothing.
  if (is_success(status) && !says_ok(body)) return no_hub(status);
  auto answer = judge(status, body);
  if (response.retry_after && (status == 429 || status == 503 || status == 507)) {
    answer.wait = std::clamp<std::chrono::milliseconds>(*response.retry_after, std::chrono::milliseconds{0}, longest_wait);
  }
  answer.no_room = has_no_room(status, body);
  return answer;
}

bool other_path_may_help(const HttpResponse& response, const HubAnswer& answer, bool by_tunnel) {
  if (answer.kind == HubAnswer::Kind::acknowledged) return false;
  const auto body = json::parse(response.body, nullptr, false);
  if (!says_ok(body) && !names_an_error(body))
    return response.status != 429;  // who limits the rate by a page of his own is asked less, not more
  if (!by_tunnel || answer.kind == HubAnswer::Kind::refused || answer.wait) return false;
  return response.status != 401 && response.status != 429;
}

BatchAnswer read_batch_answer(const HttpResponse& response, std::size_t count) {
  using Kind = BatchAnswer::Kind;
  switch (response.status) {
    case 413:
      return {Kind::too_large, {}, {}};
    case 400:  // of a batch as a whole: each report alone will tell which one it is
    case 404:
    case 405:
    case 422:
    case 501:
      return {Kind::no_batch, {}, {}};
    default:
      break;
  }
  if (!is_success(response.status)) return {Kind::failed, {}, read_answer(response)};
  auto each = judge_each(json::parse(response.body, nullptr, false), count);
  return {each.empty() ? Kind::no_batch : Kind::judged, std::move(each), {}};
}

Error with_hint(Error error) {
  error.message += error.message.find("TLS") != std::string::npos || error.message.find("certificate") != std::string::npos
                       ? "; check VPN_SENTINEL_TLS_CERT_PATH and VPN_SENTINEL_URL"
                       : "; check VPN_SENTINEL_URL and that the hub runs";
  return error;
}

}  // namespace vpn_sentinel
