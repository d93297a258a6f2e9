/// Values as the JSON text that the store keeps.
#pragma once

#include <string>
#include <string_view>

#include "hub/state/client_state.hpp"
#include "hub/state/incident.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string encode_client_text(const ClientState& client);
/// A last report that cannot be read any more (made by another version) leaves the rest of the client usable.
[[nodiscard]] Result<ClientState> decode_client_text(std::string_view text);
/// What StoreReader::history() returns per change, without meaning and advice.
[[nodiscard]] std::string encode_change_text(const Change& change);
/// All of it but its number.
[[nodiscard]] std::string encode_incident_text(const Incident& incident);
[[nodiscard]] Result<Incident> decode_incident_text(std::string_view text);
/// What StoreReader::incidents() returns per incident.
[[nodiscard]] nlohmann::json incident_json(const Incident& incident, WallTime now, std::int64_t comments);
/// With meaning and advice of its findings.
[[nodiscard]] nlohmann::json decode_change_text(std::string_view text);

}  // namespace vpn_sentinel
