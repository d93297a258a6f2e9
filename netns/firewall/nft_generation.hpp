/// The number of the namespace's nf_tables state, and reading what belongs to one state (net/netfilter/nf_tables_api.c,
/// nf_tables_commit()).
#pragma once

#include <cstdint>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/firewall/nft_socket.hpp"

namespace vpn_sentinel::nft {

/// Grows with each transaction, before anything of it is seen. Errors as of ask().
[[nodiscard]] Result<std::uint32_t> read_generation(Socket& socket, std::string_view purpose);

/// As read_generation(), and waits until that transaction is carried out: from its number on until its end others see a mixture of old and
/// new, such as chains of both, or a new chain without its policy. What is read after this call and before another generation is of one
/// state. Changes nothing. `purpose` as in commit().
[[nodiscard]] Result<std::uint32_t> settled_generation(Socket& socket, std::string_view purpose);

}  // namespace vpn_sentinel::nft
