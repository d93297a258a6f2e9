/// Buttons under the bot's messages, and what they carry. Anybody can send whatever he likes as if a button carried it, so what changes
/// something is signed; and it is bound to an incident and its client. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace vpn_sentinel {

/// What was pressed.
struct BotPress {
  enum class What : std::uint8_t {
    acknowledge,
    mute,    ///< the client of the incident, for an hour
    unmute,  ///< the same
    status,  ///< another page; needs no signature, as it only shows
    incidents,
  };
  What what = What::status;
  std::int64_t incident = 0;  ///< of the first three
  std::string signature;      ///< of the first three
  std::size_t page = 0;       ///< of the last two, from 0
  friend bool operator==(const BotPress&, const BotPress&) = default;
};

/// Nullopt: no button carries this.
[[nodiscard]] std::optional<BotPress> parse_bot_press(std::string_view data);

/// Signs with a key that comes from the bot's token, so that buttons outlive a restart.
class BotSeal {
 public:
  explicit BotSeal(std::string_view bot_token);
  /// What a button carries, at most 64 bytes.
  [[nodiscard]] std::string data(BotPress::What what, std::int64_t incident, std::string_view client_id) const;
  /// Whether one of our buttons under a message about `client_id` carried this.
  [[nodiscard]] bool is_ours(const BotPress& press, std::string_view client_id) const;

 private:
  [[nodiscard]] std::string signature(BotPress::What what, std::int64_t incident, std::string_view client_id) const;
  std::string key_;
};

/// What is known of an incident where its buttons are shown.
struct ButtonState {
  bool acknowledged = false;
  bool muted = false;
};

/// The reply_markup of an alert about an incident.
[[nodiscard]] nlohmann::json alert_buttons(const BotSeal& seal, std::int64_t incident, std::string_view client_id, ButtonState state = {});

/// The reply_markup of page `page` (from 0) out of `pages`, of `what` (status or incidents): back, again, forth.
[[nodiscard]] nlohmann::json page_buttons(BotPress::What what, std::size_t page, std::size_t pages);

}  // namespace vpn_sentinel
