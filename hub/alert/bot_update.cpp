#include "hub/alert/bot_update.hpp"

#include <fmt/format.h>

#include <utility>

#include "netns/base/text.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t most_person_name = 48;
constexpr std::size_t most_data = 64;
constexpr std::size_t most_press_id = 64;
/// Telegram's 4096 characters of at most four bytes.
constexpr std::size_t longest_text = std::size_t{4096} * 4;
/// The last second of the year 9999.
constexpr std::int64_t latest_second = 253'402'300'799;

const json& at(const json& object, const char* key) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::optional<std::int64_t> number(const json& object, const char* key) {
  const auto& value = at(object, key);
  if (!value.is_number_integer()) return std::nullopt;
  // A number beyond 63 bits would come out negative.
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return value.get<std::int64_t>();
}

/// Longer than Telegram allows: not from Telegram, and not read.
std::string text_of(const json& object, const char* key, std::size_t most) {
  const auto& value = at(object, key);
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  return text.size() <= most ? text : std::string();
}

/// At most `most_person_name` bytes, cut between characters.
std::string cut(std::string text) {
  if (text.size() <= most_person_name) return text;
  auto end = most_person_name;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

std::string user_name(const json& user) {
  const auto username = text_of(user, "username", most_person_name);
  if (!username.empty()) return "@" + without_control_characters(username);
  const auto first = text_of(user, "first_name", longest_text);
  const auto last = text_of(user, "last_name", longest_text);
  const auto name = cut(without_control_characters(last.empty() ? first : first + " " + last));
  return fmt::format("{} ({})", name.empty() ? "somebody" : name, number(user, "id").value_or(0));
}

/// What a message says of where and when it was written. False: it cannot be answered.
bool read_place(const json& message, BotUpdate& update) {
  const auto& chat = at(message, "chat");
  const auto id = number(chat, "id");
  const auto message_id = number(message, "message_id");
  if (!id || !message_id) return false;
  update.chat = {*id, text_of(chat, "type", most_person_name), text_of(chat, "username", most_person_name)};
  update.message_id = *message_id;
  const auto& in_topic = at(message, "is_topic_message");
  if (in_topic.is_boolean() && in_topic.get<bool>()) update.topic = number(message, "message_thread_id");
  // Of a message that the server has forgotten the date is 0.
  const auto date = number(message, "date").value_or(0);
  if (date > 0 && date <= latest_second) update.sent = WallTime{std::chrono::seconds{date}};
  update.text = text_of(message, "text", longest_text);
  return true;
}

void read_message(const json& message, BotUpdate& update) {
  if (!read_place(message, update)) return;
  update.kind = BotUpdate::Kind::message;
  const auto& from = at(message, "from");
  update.user_id = number(from, "id").value_or(0);
  update.user = from.is_object() ? user_name(from) : "somebody of the channel";
  update.moved_from = number(message, "migrate_from_chat_id");
}

void read_press(const json& press, BotUpdate& update) {
  const auto& message = at(press, "message");
  const auto& from = at(press, "from");
  const auto user = number(from, "id");
  update.press_id = text_of(press, "id", most_press_id);
  update.data = text_of(press, "data", most_data);
  if (!user || update.press_id.empty() || !read_place(message, update)) return;
  update.kind = BotUpdate::Kind::press;
  update.user_id = *user;
  update.user = user_name(from);
  const auto& entities = at(message, "entities");
  if (entities.is_array()) update.entities = entities;
}

BotUpdate read_update(std::int64_t id, const json& item) {
  BotUpdate update;
  update.id = id;
  update.entities = json::array();
  if (const auto& press = at(item, "callback_query"); press.is_object()) {
    read_press(press, update);
  } else if (const auto& message = at(item, "message"); message.is_object()) {
    read_message(message, update);
  } else if (const auto& post = at(item, "channel_post"); post.is_object()) {
    read_message(post, update);
  }
  return update;
}

}  // namespace

std::optional<json> read_bot_result(std::string_view body) {
  auto answer = json::parse(body, nullptr, false);
  const auto& ok = at(answer, "ok");
  if (!ok.is_boolean() || !ok.get<bool>()) return std::nullopt;
  const auto& result = at(answer, "result");
  if (result.is_null()) return std::nullopt;
  return result;
}

Result<std::vector<BotUpdate>> read_bot_updates(std::string_view body) {
  const auto result = read_bot_result(body);
  if (!result || !result->is_array()) {
    return fail(Error::Kind::failed, "the answer is not the Bot API's: check the address and what stands between (proxy, captive portal)");
  }
  std::vector<BotUpdate> updates;
  for (const auto& item : *result) {
    const auto id = number(item, "update_id");
    if (id && *id >= 0 && *id < INT64_MAX) updates.push_back(read_update(*id, item));
  }
  return updates;
}

}  // namespace vpn_sentinel
