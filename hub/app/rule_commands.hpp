/// vpn-sentinel-hub rules: which rules of alerts are in force, and what they would have told of the history.
#pragma once

#include <string>

#include "hub/app/hub_settings.hpp"

namespace vpn_sentinel {

struct RulesWish {
  std::string rule;  ///< only this one; empty: all
  bool dry_run = false;
  std::string from;  ///< RFC 3339; empty: a week before `to`
  std::string to;    ///< empty: now
  bool json = false;
};

/// Beside a hub that runs, or without one: the file as it is now, and the rules that the API made. Prints to standard output. Returns 0;
/// throws FatalError: 64 a wrong wish, 66 the database cannot be read (without dry_run a database that is not there is no mistake).
int rules_command(const HubConfig& config, const RulesWish& wish);

}  // namespace vpn_sentinel
