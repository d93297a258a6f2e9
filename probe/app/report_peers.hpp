/// The clients of a VPN server as a part of a report. Pure but for `database`.
#pragma once

#include "netns/geo/geo_database.hpp"
#include "probe/connections/choose_sources.hpp"
#include "probe/report/report.hpp"
#include "probe/serving/serving_state.hpp"

namespace vpn_sentinel {

/// Where a client is, as far as the user lets it be told; `database` may be null. Empty: nothing is to be told, or it is not known.
[[nodiscard]] std::string shown_client(const Endpoint& far, DestinationDetail detail, const GeoDatabase* database);

[[nodiscard]] PeersReport peers_report(const ServingView& view, DestinationDetail detail, const GeoDatabase* database);

}  // namespace vpn_sentinel
