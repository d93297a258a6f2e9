#include "hub/alert/channel_reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "hub/alert/notice.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ChannelKind = ChannelConfig::Kind;

/// A server that wants a longer silence is asked once an hour all the same.
constexpr milliseconds longest_pause{3'600'000};
constexpr std::size_t most_words = 200;

/// The service's own words: of JSON the field that has them, of plain text its first line. A page is none.
std::string words_of(std::string_view body, const json& answer) {
  if (answer.is_object()) {
    for (const auto* const key : {"message", "error", "description", "reason"}) {
      const auto found = answer.find(key);
      if (found != answer.end() && found->is_string()) return shortened(found->get_ref<const std::string&>(), most_words);
    }
    return {};
  }
  if (body.starts_with('<')) return {};
  auto line = std::string(body.substr(0, body.find_first_of("\r\n")));
  std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20U || static_cast<unsigned char>(c) >= 0x7fU; });
  return shortened(line, most_words);
}

/// Discord says seconds with a fraction.
std::optional<milliseconds> pause_of(const json& answer, std::optional<std::chrono::seconds> header) {
  std::optional<milliseconds> pause = header;
  if (answer.is_object()) {
    const auto found = answer.find("retry_after");
    if (found != answer.end() && found->is_number()) {
      pause = milliseconds{static_cast<long>(std::ceil(std::clamp(found->get<double>(), 0.0, 86'400.0) * 1000))};
    }
  }
  if (!pause) return std::nullopt;
  return std::clamp(*pause, milliseconds{1'000}, longest_pause);
}

/// Whether a good status came from the service and not from a page that stands in between (a log-in page of a hotel).
bool is_own_answer(ChannelKind kind, long status, std::string_view body, const json& answer) {
  const bool has_id = answer.is_object() && answer.contains("id");
  switch (kind) {
    case ChannelKind::ntfy:
    case ChannelKind::discord:
      return has_id || (kind == ChannelKind::discord && status == 204);
    case ChannelKind::slack:
    case ChannelKind::apprise:
      return !body.starts_with('<');
    default:
      return true;  // a webhook may answer whatever it likes
  }
}

Delivery::Kind kind_of(long status) {
  using enum Delivery::Kind;
  if (status == 413) return bad_text;
  if (status == 400 || status == 422) return refused;
  const bool busy = status == 408 || status == 424 || status == 425 || status == 429 || status >= 500;
  if (busy) return try_again;
  return status >= 300 ? wrong_setup : try_again;
}

std::string_view hint_for(long status) {
  if (status >= 300 && status < 400) return "; redirects are not followed: set the address that it names";
  if (status == 401 || status == 403) return "; check token, user and password";
  if (status == 404 || status == 410) return "; check the address";
  if (status == 424) return "; not all of its services took the message";
  return "";
}

}  // namespace

Delivery read_channel_reply(ChannelKind kind, long status, std::string_view body, std::optional<std::chrono::seconds> retry_after) {
  const auto answer = json::parse(body, nullptr, false);
  if (kind == ChannelKind::apprise && status == 204) {
    return {Delivery::Kind::wrong_setup, "HTTP 204: nothing is configured under this key; check the address"};
  }
  if (status >= 200 && status < 300) {
    if (is_own_answer(kind, status, body, answer)) return {Delivery::Kind::delivered};
    return {Delivery::Kind::try_again,
            "the answer is not the service's: check the address and what stands between (proxy, captive portal)"};
  }
  const auto words = words_of(body, answer);
  return {kind_of(status), fmt::format("HTTP {}{}{}{}", status, words.empty() ? "" : ": ", words, hint_for(status)),
          pause_of(answer, retry_after)};
}

}  // namespace vpn_sentinel
