/// The words of the command peers. Pure but for a database in PeersTold.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "netns/geo/geo_database.hpp"
#include "probe/app/print.hpp"
#include "probe/connections/choose_sources.hpp"
#include "probe/serving/serving_state.hpp"

namespace vpn_sentinel {

/// How much is told.
struct PeersTold {
  DestinationDetail detail = DestinationDetail::full;
  const GeoDatabase* database = nullptr;
};

/// "office (name:vpn)", then a line for each port: how many are connected, who tells it and what is not seen.
[[nodiscard]] std::string print_ports(const std::string& target, const ServingView& view, const Style& style);
[[nodiscard]] std::string print_peers_heading(const Style& style);
[[nodiscard]] std::string print_peer(const KnownPeer& peer, const PeersTold& told, const Style& style);
/// What firewall rules logged, or why that is not known.
[[nodiscard]] std::string print_blocked(const ServingView& view, const PeersTold& told);

[[nodiscard]] nlohmann::json peer_json(const KnownPeer& peer, const PeersTold& told);
[[nodiscard]] nlohmann::json blocked_json(const BlockedFrom& from, const PeersTold& told);
/// Ports, peers, blocked tries.
[[nodiscard]] nlohmann::json peers_json(const std::string& target, const ServingView& view, const PeersTold& told);

}  // namespace vpn_sentinel
