#include "hub/alert/channel_message.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "hub/accounts/secrets.hpp"
#include "hub/alert/notice_words.hpp"
#include "hub/alert/telegram_reply.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// Discord's limits count characters: 2000 of a message, 4096 of a box; ntfy's counts 4096 bytes, and 1024 of a title is plenty.
constexpr std::size_t most_title = 250;

std::string dump(const json& body) { return body.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string as_is(std::string_view text) { return std::string(text); }

/// `escape`: of the service's markup.
std::string body_of(const ChannelConfig& channel, const Notice& notice, const std::string& id, std::string (*escape)(std::string_view)) {
  if (channel.text_template) {
    return shortened(channel.text_template->render(notice, id, channel.name, escape), most_plain_body);
  }
  return escape(plain_body(notice, most_plain_body));
}

HttpRequest post(const ChannelConfig& channel, std::string body) {
  HttpRequest request;
  request.method = "POST";
  request.url = channel.url;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::move(body);
  request.timeout = channel.timeout;
  request.ca_file = channel.ca_file;
  request.fresh_connection = false;
  return request;
}

/// All fields, for programs.
json webhook_json(const Notice& notice, const std::string& id) {
  auto object = json::parse(to_text(notice));
  object.erase("notice");
  object["id"] = id;
  object["body"] = plain_body(notice, most_plain_body);
  object["priority"] = priority_of(notice);
  return object;
}

HttpRequest webhook(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime now) {
  const bool is_json = channel.content_type.find("json") != std::string::npos;
  auto body = channel.text_template ? channel.text_template->render(notice, id, channel.name, is_json ? escape_json : as_is)
                                    : dump(webhook_json(notice, id));
  auto request = post(channel, std::move(body));
  const auto timestamp = std::to_string(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  request.headers = {{"Content-Type", channel.content_type}, {"X-VPN-Sentinel-Id", id}, {"X-VPN-Sentinel-Timestamp", timestamp}};
  if (!channel.secret.empty()) {
    request.headers.emplace_back("X-VPN-Sentinel-Signature", webhook_signature(channel.secret, timestamp, request.body));
  }
  return request;
}

/// ntfy turns these names into the sign before the title; ours has one, so these are words to filter by.
HttpRequest ntfy(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime /*now*/) {
  json tags = json::array({to_string(notice.kind)});
  if (notice.to) tags.push_back(to_string(*notice.to));
  const json body{{"topic", channel.topic},
                  {"title", shortened(notice.title, most_title)},
                  {"message", body_of(channel, notice, id, as_is)},
                  {"priority", channel.quiet ? 2 : priority_of(notice)},
                  {"tags", std::move(tags)}};
  auto request = post(channel, dump(body));
  if (!channel.user.empty()) {
    request.headers.emplace_back("Authorization", "Basic " + to_base64(fmt::format("{}:{}", channel.user, channel.secret)));
  } else if (!channel.secret.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + channel.secret);
  }
  return request;
}

/// Discord's Markdown, and links that nobody asked for.
std::string escape_discord(std::string_view text) {
  constexpr std::string_view marks = "\\*_~`|>#[]()<";
  std::string escaped;
  for (const char c : text) {
    if (marks.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

HttpRequest discord(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime /*now*/) {
  constexpr int suppress_notifications = 1 << 12;
  // All that a phone shows at first; the box comes when it is opened.
  json body{{"content", escape_discord(shortened(title_with_client(notice), most_title))},
            // Nobody may be called by a name that came from outside.
            {"allowed_mentions", {{"parse", json::array()}}},
            {"embeds", json::array({{{"description", shortened(body_of(channel, notice, id, escape_discord), 4'000)},
                                     {"color", colour_of(notice)},
                                     {"timestamp", to_rfc3339(notice.at)}}})}};
  if (channel.quiet) body["flags"] = suppress_notifications;
  auto request = post(channel, dump(body));
  // Only then is the answer Discord's own, with the message in it, and not anybody's "204".
  request.url += request.url.find('?') == std::string::npos ? "?wait=true" : "&wait=true";
  return request;
}

std::string escape_slack(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    escaped += c == '&' ? std::string("&amp;") : c == '<' ? std::string("&lt;") : c == '>' ? std::string("&gt;") : std::string(1, c);
  }
  return escaped;
}

/// Mattermost and Rocket.Chat understand "text", too.
HttpRequest slack(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime /*now*/) {
  const auto title = escape_slack(shortened(notice.title, most_title));
  return post(channel, dump({{"text", fmt::format("*{}*\n{}", title, body_of(channel, notice, id, escape_slack))}}));
}

HttpRequest apprise(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime /*now*/) {
  const auto priority = priority_of(notice);
  const bool good = notice.to == State::secure;
  json body{{"title", shortened(notice.title, most_title)},
            {"body", body_of(channel, notice, id, as_is)},
            {"type", priority == 5   ? "failure"
                     : priority == 4 ? "warning"
                     : good          ? "success"
                                     : "info"},
            {"format", "text"}};
  if (!channel.tags.empty()) body["tag"] = channel.tags;
  return post(channel, dump(body));
}

/// Telegram's words of an older hub.
Notice old_notice(const StoredAlert& alert) {
  const auto text = plain_text(alert.text);
  const auto end = text.find('\n');
  Notice notice;
  notice.kind = Notice::Kind::news;
  notice.title = text.substr(0, end);
  notice.text = end == std::string::npos ? std::string() : text.substr(end + 1);
  notice.at = alert.created;
  notice.noticed = alert.created;
  return notice;
}

}  // namespace

Notice notice_to_send(const StoredAlert& alert, bool privacy) {
  auto notice = parse_notice(alert.text).value_or(old_notice(alert));
  return privacy ? without_private(std::move(notice)) : notice;
}

HttpRequest channel_request(const ChannelConfig& channel, const Notice& notice, const std::string& id, WallTime now) {
  switch (channel.kind) {
    case ChannelConfig::Kind::ntfy:
      return ntfy(channel, notice, id, now);
    case ChannelConfig::Kind::discord:
      return discord(channel, notice, id, now);
    case ChannelConfig::Kind::slack:
      return slack(channel, notice, id, now);
    case ChannelConfig::Kind::apprise:
      return apprise(channel, notice, id, now);
    default:
      return webhook(channel, notice, id, now);
  }
}

std::string webhook_signature(std::string_view secret, std::string_view timestamp, std::string_view body) {
  std::string hex = "sha256=";
  for (const char byte : hmac_sha256(secret, fmt::format("{}.{}", timestamp, body))) {
    hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return hex;
}

std::string without_secret(std::string text, std::string_view secret) {
  if (secret.empty()) return text;
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) text.replace(at, secret.size(), "***");
  return text;
}

}  // namespace vpn_sentinel
