/// The words of the command connections. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "probe/app/print.hpp"
#include "probe/connections/choose_sources.hpp"
#include "probe/connections/flow_table.hpp"

namespace vpn_sentinel {

/// What is said beside the flows.
struct ConnectionsTold {
  std::string target;                ///< "office (name:vpn)"
  std::vector<std::string> sources;  ///< in use, by name
  std::vector<std::string> cannot;   ///< of each source, what it does not see and how to see more
  std::vector<std::string> refused;  ///< sources that could not be used, with why
  std::vector<std::string> notes;
  FlowLosses losses;
};

/// Bytes in three digits: "999", "1.5k", "20M".
[[nodiscard]] std::string shown_amount(std::uint64_t bytes);
/// The far end as far as the user lets it be told: "203.0.113.7:443", "203.0.113.0/24", "RO", "-".
[[nodiscard]] std::string shown_destination(const Endpoint& remote, const AddressFacts& facts, DestinationDetail detail);
/// "curl (4242) uid 1000 container 0123456789ab", "one of: sh (1), curl (2): why", "uid 1000: why".
[[nodiscard]] std::string shown_owner(const KnownFlow& flow);

[[nodiscard]] std::string print_connections_heading(const ConnectionsTold& told, const Style& style);
[[nodiscard]] std::string print_connection(const KnownFlow& flow, DestinationDetail detail, const Style& style);
/// How many go which way, and what is not seen.
[[nodiscard]] std::string print_connections_end(const ConnectionsTold& told, const std::vector<const KnownFlow*>& flows,
                                                const Style& style);

[[nodiscard]] nlohmann::json connection_json(const KnownFlow& flow, DestinationDetail detail);
[[nodiscard]] nlohmann::json connections_json(const ConnectionsTold& told);

}  // namespace vpn_sentinel
