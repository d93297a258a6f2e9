/// What only the hub can see of a client's exit: from which addresses its reports come, by the tunnel and by the uplink, and its own. Pure.
#pragma once

#include <optional>
#include <vector>

#include "hub/ingest/admission.hpp"
#include "netns/base/ip.hpp"
#include "probe/verdict/finding.hpp"

namespace vpn_sentinel {

struct ClientState;

/// Where the reports of the present start of a probe came from, public addresses only: a hub in the local network sees private ones, from
/// which nothing follows.
struct PathAddresses {
  std::optional<IpAddress> tunnel;
  std::optional<IpAddress> uplink;
  /// From where both came, here or in an earlier start, as long as nothing has contradicted it.
  std::optional<IpAddress> shared = {};
  /// The exit that was the hub's own address, until a report names another one.
  std::optional<IpAddress> hub_exit = {};
  friend bool operator==(const PathAddresses&, const PathAddresses&) = default;
};

/// Notes the path of this report in `after`, with exit_is_uplink when both paths come from one address (of IPv6: one /64), and exit_is_hub
/// when the exit is one of `hub_addresses`. What the probe has said itself is not said again. Behind a proxy that the hub does not know all
/// reports seem to come from one address: where several services have told the probe another exit, nothing follows from that.
/// No danger ends by silence, neither with a new start of the probe nor with one of its silences: exit_is_uplink lasts until this start has
/// shown two addresses, or several services another exit; exit_is_hub until a report names another exit.
/// `before`: null for a new client.
void note_exit_paths(const ClientState* before, const Admitted& admitted, const std::vector<IpPrefix>& hub_addresses, ClientState& after);

/// The findings of these that `client` shows about itself, not about its twin.
[[nodiscard]] std::vector<Finding> exit_path_findings(const ClientState& client);

}  // namespace vpn_sentinel
