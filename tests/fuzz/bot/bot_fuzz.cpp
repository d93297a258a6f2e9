// Raw bytes -> updates of the Bot API, a command, a button. Whatever is read keeps its limits; what strangers write brings no answer, and
// every answer to others is a call with a text that Telegram takes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "hub/alert/bot_talk.hpp"

using namespace vpn_sentinel;

namespace {

constexpr WallTime now{std::chrono::hours{500'000}};
constexpr std::size_t most_text = 16'384;

/// Aborts, so that libFuzzer and the replaying runner both see it.
void require(bool condition) {
  if (!condition) std::abort();
}

bool is_clean(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
}

/// One client, one incident, and everything succeeds.
BotActions actions() {
  ClientState client;
  client.client_id = "office-1";
  client.state = State::danger;
  const auto known = std::make_shared<const ClientState>(std::move(client));
  BotActions actions;
  actions.hub = [] { return BotHub{}; };
  actions.clients = [known] { return std::vector{known}; };
  actions.mutes = [] { return std::vector<BotMute>(); };
  actions.incidents = [](const std::string&, bool) -> Result<nlohmann::json> { return nlohmann::json::array(); };
  actions.incident = [](std::int64_t id) -> Result<nlohmann::json> { return nlohmann::json{{"id", id}, {"client_id", "office-1"}}; };
  actions.acknowledge = [](std::int64_t, const std::string&, WallTime) -> Result<void> { std::abort(); };  // nobody can sign
  actions.mute = [](const BotMute& mute, WallTime) -> Result<void> {
    require(mute.subject == "office-1" && (!mute.until || *mute.until > now));
    return {};
  };
  actions.unmute = [](const std::string& subject, const std::string&) -> Result<bool> {
    require(subject == "office-1");
    return true;
  };
  return actions;
}

void judge_updates(std::string_view body) {
  const auto updates = read_bot_updates(body);
  if (!updates) return;
  BotTalk talk({{"-42", false}, {"@lab", true}}, "1:secret", actions(), [](std::string_view, const std::string&) {});
  talk.set_bot_name("lab_bot");
  bool moved = false;  // another chat may have taken the place of ours
  for (const auto& update : *updates) {
    require(update.id >= 0 && update.data.size() <= 64 && update.user.size() <= 80 && is_clean(update.user) &&
            update.text.size() <= most_text);
    const auto calls = talk.answer(update, now, MonoTime{});
    moved = moved || update.moved_from == -42;
    require(calls.empty() || update.chat.id == -42 || !update.chat.username.empty() || moved);
    for (const auto& call : calls) {
      require(call.body.is_object() && call.body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).size() < 100'000);
      require(call.method != "sendMessage" || !call.body.at("text").get<std::string>().empty());
    }
  }
}

void judge_command(std::string_view text) {
  const auto command = parse_bot_command(text, "lab_bot");
  require(command.name.size() <= 110 && is_clean(command.problem));
  require(std::ranges::none_of(command.name, [](char c) { return c == '<' || c == '&' || c == ' '; }));
  if (command.minutes) require(command.minutes->count() >= 1 && *command.minutes <= longest_mute);
}

void judge_press(std::string_view data) {
  const auto press = parse_bot_press(data);
  if (press) require(press->incident >= 0 && !BotSeal("1:secret").is_ours(*press, "nobody made this"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  judge_updates(text);
  judge_command(text);
  judge_press(text);
  return 0;
}
