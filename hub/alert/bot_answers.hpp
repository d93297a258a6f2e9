/// What the bot says: pages of HTML within Telegram's 4096 characters. Everything from outside is escaped and cut. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/bot_actions.hpp"

namespace vpn_sentinel {

struct BotPage {
  std::string html;
  std::size_t page = 0;   ///< from 0; the last one when another was asked for that is not there
  std::size_t pages = 1;  ///< at least 1
};

/// Clients whose page somebody may have meant: the one of that name in any case of letters, else those whose names contain it.
[[nodiscard]] std::vector<BotActions::Snapshot> named_clients(const std::vector<BotActions::Snapshot>& clients, std::string_view name);

/// All clients and groups, the worst first: danger, offline, contained, warning, secure; of one state the newest first. `privacy`: without
/// addresses; so for the others.
[[nodiscard]] BotPage status_page(std::vector<BotActions::Snapshot> clients, const std::vector<BotMute>& mutes, std::size_t page,
                                  bool privacy, WallTime now);

/// One client: its state, since when, why, what to do, where it is. `incident`: the open one as the store tells it, or null.
[[nodiscard]] std::string client_answer(const ClientState& client, const std::vector<BotMute>& mutes, const nlohmann::json& incident,
                                        bool privacy, WallTime now);
/// Several clients, or none, are called like this.
[[nodiscard]] std::string which_client_answer(std::string_view name, const std::vector<BotActions::Snapshot>& found);

/// `open`: those that go on. `latest`: the newest of all, shown where none goes on.
[[nodiscard]] BotPage incidents_page(const nlohmann::json& open, const nlohmann::json& latest, std::size_t page, WallTime now);

[[nodiscard]] std::string ping_answer(const BotHub& hub, const std::vector<BotActions::Snapshot>& clients, WallTime now);
[[nodiscard]] std::string help_answer();
[[nodiscard]] std::string start_answer();
/// `word`: the command that is none; empty: it was none at all.
[[nodiscard]] std::string unknown_answer(std::string_view word);

[[nodiscard]] std::string muted_answer(const BotMute& mute, bool danger_now, WallTime now);
[[nodiscard]] std::string unmuted_answer(std::string_view subject, bool was_muted);
/// The hub began to listen: what was written before is not answered.
[[nodiscard]] std::string listening_answer(std::size_t skipped);

}  // namespace vpn_sentinel
