/// The words that the bot's answers are made of: HTML, escaped and cut. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/alert/bot_actions.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string_view bot_sign(State state);      ///< "🔴"
[[nodiscard]] std::string_view bot_word(State state);      ///< "DANGER"
[[nodiscard]] std::string_view bot_sentence(State state);  ///< "DANGER: traffic can leave outside the VPN"

/// At most `most` characters, escaped.
[[nodiscard]] std::string bot_shown(std::string_view text, std::size_t most = 120);
[[nodiscard]] std::string bot_code(std::string_view text);
/// As human_duration(); what comes out negative, because a clock was set, is 0 s.
[[nodiscard]] std::string bot_duration(std::chrono::microseconds duration);
/// A-Z only.
[[nodiscard]] std::string bot_lowered(std::string_view text);

/// The mute of the client or of its group; null: none at `now`.
[[nodiscard]] const BotMute* bot_mute_of(const ClientState& client, const std::vector<BotMute>& mutes, WallTime now);

/// What is wrong, the worst first, at most six lines; information is left out.
[[nodiscard]] std::vector<std::string> bot_reasons(const std::vector<Finding>& findings);
/// What to do about the worst; empty: nothing.
[[nodiscard]] std::string bot_advice(const std::vector<Finding>& findings);
/// "198.51.100.2 · Bucharest, RO"; with `privacy` the country alone. Empty: nothing is known.
[[nodiscard]] std::string bot_where(const ClientState& client, bool privacy);
/// Address, place, provider, DNS, tunnel, kill switch: a line each of those that are known.
[[nodiscard]] std::vector<std::string> bot_facts(const ClientState& client, bool privacy);
/// "\n   ✅ acknowledged by @ada", of an incident as the store tells it; empty: nobody has.
[[nodiscard]] std::string bot_acknowledged(const nlohmann::json& incident);

/// The text in `object`; empty: there is none.
[[nodiscard]] std::string bot_text_at(const nlohmann::json& object, const char* key);

/// Lines of one message. Those that do not fit are left out: a cut tag would make Telegram refuse all of it.
class BotText {
 public:
  void line(std::string text) { lines_.push_back(std::move(text)); }
  [[nodiscard]] std::string finish() const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace vpn_sentinel
