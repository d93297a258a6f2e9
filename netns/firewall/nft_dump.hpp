/// Reading nf_tables back: our own tables with everything in them, their counters and elements. What is read is bounded; a dump that
/// others disturbed (NLM_F_DUMP_INTR) is begun anew. Blocks, usually for tens of microseconds, two seconds at the most.
/// Errors: not_permitted (CAP_NET_ADMIN is missing, the sentence ends with `purpose`), unavailable (no nf_tables), overrun (there is more
/// than our tables ever have), timed_out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/firewall/nft_socket.hpp"
#include "netns/firewall/nft_values.hpp"

namespace vpn_sentinel::nft {

inline constexpr std::size_t most_read_back = 4096;  ///< of each kind

/// All tables of one family.
[[nodiscard]] Result<std::vector<Table>> list_tables(Socket& socket, std::uint8_t family, std::string_view purpose);
/// Empty: there is no such table.
[[nodiscard]] Result<std::optional<Table>> read_table(Socket& socket, const TableName& name, std::string_view purpose);
/// The table with everything in it; not_found: it is gone.
[[nodiscard]] Result<Ruleset> read_ruleset(Socket& socket, const TableName& name, std::string_view purpose);
/// The named counters of a table.
[[nodiscard]] Result<std::vector<Counter>> read_counters(Socket& socket, const TableName& name, std::string_view purpose);
/// The named quotas of one byte of a table.
[[nodiscard]] Result<std::vector<std::string>> read_quotas(Socket& socket, const TableName& name, std::string_view purpose);
/// So that the next packet is told again.
[[nodiscard]] Result<void> reset_quota(Socket& socket, const TableName& name, const std::string& quota, std::string_view purpose);
/// The elements of a set with their counters.
[[nodiscard]] Result<std::vector<Element>> read_elements(Socket& socket, const TableName& name, const std::string& set,
                                                         std::string_view purpose);

/// Reads `wanted`'s table and compares. not_found: the table is gone; failed: what differs, with the table's name; never because it could
/// not be read, which is another kind. What was read while somebody changed something is read again (timed_out after some times).
[[nodiscard]] Result<void> verify_ruleset(Socket& socket, const Ruleset& wanted, std::string_view purpose);

}  // namespace vpn_sentinel::nft
