#include "hub/alert/bot_buttons.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "hub/accounts/secrets.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;
using What = BotPress::What;

/// 96 bits: nobody guesses them at the pace of a chat.
constexpr std::size_t signature_bytes = 12;
constexpr std::size_t signature_characters = 16;
constexpr std::size_t most_pages = 10'000;

/// In the order of What.
constexpr std::string_view letters = "amusi";

bool is_signed(What what) { return what == What::acknowledge || what == What::mute || what == What::unmute; }

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

json button(std::string_view text, std::string data) { return {{"text", text}, {"callback_data", std::move(data)}}; }

}  // namespace

std::optional<BotPress> parse_bot_press(std::string_view data) {
  const auto letter = data.empty() ? std::string_view::npos : letters.find(data.front());
  if (letter == std::string_view::npos || data.size() < 3 || data[1] != '.') return std::nullopt;
  BotPress press;
  press.what = static_cast<What>(letter);
  const auto rest = data.substr(2);
  if (!is_signed(press.what)) {
    const auto page = number_of<std::size_t>(rest);
    if (!page || *page >= most_pages) return std::nullopt;
    press.page = *page;
    return press;
  }
  const auto dot = rest.find('.');
  if (dot == std::string_view::npos || rest.size() - dot - 1 != signature_characters) return std::nullopt;
  const auto incident = number_of<std::int64_t>(rest.substr(0, dot));
  if (!incident || *incident <= 0) return std::nullopt;
  press.incident = *incident;
  press.signature = rest.substr(dot + 1);
  return press;
}

BotSeal::BotSeal(std::string_view bot_token) : key_(hmac_sha256(bot_token, "buttons of alerts")) {}

std::string BotSeal::signature(What what, std::int64_t incident, std::string_view client_id) const {
  const auto text = fmt::format("{} {} {}", letters[static_cast<std::size_t>(what)], incident, client_id);
  return to_base64url(hmac_sha256(key_, text).substr(0, signature_bytes));
}

std::string BotSeal::data(What what, std::int64_t incident, std::string_view client_id) const {
  return fmt::format("{}.{}.{}", letters[static_cast<std::size_t>(what)], incident, signature(what, incident, client_id));
}

bool BotSeal::is_ours(const BotPress& press, std::string_view client_id) const {
  return is_same_secret(press.signature, signature(press.what, press.incident, client_id));
}

json alert_buttons(const BotSeal& seal, std::int64_t incident, std::string_view client_id, ButtonState state) {
  auto row = json::array();
  if (!state.acknowledged) row.push_back(button("✅ Acknowledge", seal.data(What::acknowledge, incident, client_id)));
  row.push_back(state.muted ? button("🔔 Unmute", seal.data(What::unmute, incident, client_id))
                            : button("🔕 Mute 1 h", seal.data(What::mute, incident, client_id)));
  return {{"inline_keyboard", json::array({std::move(row)})}};
}

json page_buttons(What what, std::size_t page, std::size_t pages) {
  const auto to = [&](std::size_t number) { return fmt::format("{}.{}", letters[static_cast<std::size_t>(what)], number); };
  auto row = json::array();
  if (page > 0) row.push_back(button("◀", to(page - 1)));
  row.push_back(button("🔄 Now", to(page)));
  if (page + 1 < pages) row.push_back(button("▶", to(page + 1)));
  return {{"inline_keyboard", json::array({std::move(row)})}};
}

}  // namespace vpn_sentinel
