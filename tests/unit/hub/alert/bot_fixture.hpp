/// A small fleet, and actions that note what was done.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hub/alert/bot_actions.hpp"
#include "hub/state/group.hpp"
#include "tests/unit/hub/make.hpp"

namespace vpn_sentinel::test {

inline BotActions::Snapshot bot_client(std::string id, State state, WallTime since) {
  auto admitted = report(id, "boot", 1, state, since);
  ClientState client;
  if (id.starts_with(group_client_id(""))) client.rule = "any";
  client.client_id = std::move(id);
  client.state = state;
  client.findings = admitted.report.findings;
  client.since = since;
  client.last_seen = since;
  client.last_report = std::move(admitted.report);
  client.last_report.location = LocationReport{"RO", "Bucharest", "", "Example <Net>", "Europe/Bucharest"};
  return std::make_shared<const ClientState>(std::move(client));
}

/// What the hub would know and do.
struct BotWorld {
  std::vector<BotActions::Snapshot> clients{bot_client("office-1", State::secure, at(0)), bot_client("office-2", State::danger, at(10)),
                                            bot_client("home", State::offline, at(20)),
                                            bot_client(group_client_id("all"), State::danger, at(10))};
  std::map<std::string, BotMute> mutes;
  std::map<std::int64_t, nlohmann::json> incidents{{7,
                                                    {{"id", 7},
                                                     {"client_id", "office-2"},
                                                     {"start", to_rfc3339(at(10))},
                                                     {"end", nullptr},
                                                     {"worst", "danger"},
                                                     {"exposed_s", 5.5},
                                                     {"acknowledged", nullptr}}}};
  std::vector<std::string> done;  ///< in order
  bool works = true;

  BotActions actions() {
    const auto broken = fail(Error::Kind::unavailable, "the disk is full");
    BotActions actions;
    actions.hub = [] { return BotHub{"1.2.3", std::chrono::hours{2}, "", 0}; };
    actions.clients = [this] { return clients; };
    actions.mutes = [this] {
      std::vector<BotMute> list;
      for (const auto& [subject, mute] : mutes) list.push_back(mute);
      return list;
    };
    actions.incidents = [this, broken](const std::string& client_id, bool) -> Result<nlohmann::json> {
      if (!works) return broken;
      auto list = nlohmann::json::array();
      for (const auto& [id, incident] : incidents) {
        if (client_id.empty() || incident["client_id"] == client_id) list.push_back(incident);
      }
      return list;
    };
    actions.incident = [this, broken](std::int64_t id) -> Result<nlohmann::json> {
      if (!works) return broken;
      return incidents.contains(id) ? incidents[id] : nlohmann::json();
    };
    actions.acknowledge = [this, broken](std::int64_t id, const std::string& by, WallTime when) -> Result<void> {
      if (!works) return broken;
      incidents[id]["acknowledged"] = {{"by", by}, {"at", to_rfc3339(when)}};
      done.push_back("acknowledge " + std::to_string(id) + " " + by);
      return {};
    };
    actions.mute = [this, broken](const BotMute& mute, WallTime) -> Result<void> {
      if (!works) return broken;
      mutes.insert_or_assign(mute.subject, mute);
      done.push_back("mute " + mute.subject + " " + (mute.until ? to_rfc3339(*mute.until).substr(11, 8) : "forever") + " " + mute.by);
      return {};
    };
    actions.unmute = [this, broken](const std::string& subject, const std::string& by) -> Result<bool> {
      if (!works) return broken;
      done.push_back("unmute " + subject + " " + by);
      return mutes.erase(subject) > 0;
    };
    return actions;
  }
};

}  // namespace vpn_sentinel::test
