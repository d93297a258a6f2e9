/// How the first account comes into being: by the settings, or by whoever holds a token that is told once.
#pragma once

#include <string>

#include "hub/app/hub_settings.hpp"

namespace vpn_sentinel {

/// Where the token for the first admin stands (mode 0600) until it was used.
[[nodiscard]] std::string setup_token_path(const std::string& data_dir);

/// While there are no users: makes the admin of the settings; without one a token, which goes into the log and the file, once. Takes the
/// file away as soon as there are users. Slow (argon2id). The folder is there.
[[nodiscard]] Result<void> prepare_accounts(const HubConfig& config);

/// Removes the file of the token; that there is none is fine.
void forget_setup_token(const std::string& data_dir);

}  // namespace vpn_sentinel
