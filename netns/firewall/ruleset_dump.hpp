/// Reads the whole ruleset of a namespace, whoever made it. What is read is bounded; when it changes meanwhile it is read again, so that
/// everything is of one generation. Blocks: about 2 µs for each rule and element, two seconds at the most.
/// Errors: not_permitted (CAP_NET_ADMIN is missing in the namespace), unavailable (no nf_tables), timed_out (others keep changing it).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/firewall/nft_socket.hpp"
#include "netns/firewall/ruleset_values.hpp"
#include "netns/namespace/net_namespace.hpp"

namespace vpn_sentinel::audit {

struct Limits {
  std::size_t tables = 128;
  std::size_t chains = 2048;
  std::size_t rules = 1024;     ///< of tables that see packets on their way out
  std::size_t elements = 8192;  ///< of the sets of those tables
};

/// Beyond the limits Ruleset::incomplete tells which was reached. Rules of tables without a chain on the way out are left out.
[[nodiscard]] Result<Ruleset> read_whole_ruleset(nft::Socket& socket, const Limits& limits = {});

/// The tables of the old iptables that are in use (/proc/net/ip_tables_names and ip6_tables_names), which nf_tables does not show: "ip
/// filter". Blocks for about 0.1 ms. failed, not_permitted: could not be looked at.
[[nodiscard]] Result<std::vector<std::string>> read_legacy_tables(const NetNamespace& space);

}  // namespace vpn_sentinel::audit
