/// What the bot may ask of the hub and do in it. Given by whoever wires it; called on the bot's thread, which may wait for the answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hub/state/client_state.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Nobody wants messages about `subject`, a client id or "group:NAME".
struct BotMute {
  std::string subject;
  std::optional<WallTime> until;  ///< nullopt: until it is taken back
  std::string by;
  friend bool operator==(const BotMute&, const BotMute&) = default;
};

/// How the hub itself is.
struct BotHub {
  std::string version;
  std::chrono::milliseconds uptime{};
  std::string trouble;             ///< why reports are not stored; empty: they are
  std::size_t alerts_waiting = 0;  ///< for all channels
};

struct BotActions {
  using Snapshot = std::shared_ptr<const ClientState>;

  std::function<BotHub()> hub;
  /// Clients and groups, by name.
  std::function<std::vector<Snapshot>()> clients;
  /// Those in force.
  std::function<std::vector<BotMute>()> mutes;
  /// As StoreReader::incidents(): of one client, or of all when it is empty; open ones, or the newest of all.
  std::function<Result<nlohmann::json>(const std::string& client_id, bool open_only)> incidents;
  /// One of them; null: there is no such incident.
  std::function<Result<nlohmann::json>(std::int64_t id)> incident;
  std::function<Result<void>(std::int64_t incident, const std::string& by, WallTime at)> acknowledge;
  std::function<Result<void>(const BotMute& mute, WallTime at)> mute;
  /// False: it was not muted.
  std::function<Result<bool>(const std::string& subject, const std::string& by)> unmute;
};

}  // namespace vpn_sentinel
