/// Values as the JSON text that the store keeps.
#pragma once

#include <string>
#include <string_view>

#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string encode_client_text(const ClientState& client);
/// A last report that cannot be read any more (made by another version) leaves the rest of the client usable.
[[nodiscard]] Result<ClientState> decode_client_text(std::string_view text);
/// What load_changes() returns per change, without meaning and advice.
[[nodiscard]] std::string encode_change_text(const Change& change);
/// With meaning and advice of its findings.
[[nodiscard]] nlohmann::json decode_change_text(std::string_view text);

}  // namespace vpn_sentinel
