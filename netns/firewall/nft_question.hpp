/// One question to nf_tables and its answers (linux/netfilter/nf_tables.h). Blocks, usually for tens of microseconds, two seconds at the
/// most.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "netns/base/result.hpp"
#include "netns/firewall/nft_socket.hpp"

namespace vpn_sentinel::nft {

struct Text {
  std::uint16_t attribute = 0;
  const std::string* text = nullptr;  ///< at most 255 bytes; null: not sent
};
struct Question {
  std::uint16_t type = 0;   ///< NFT_MSG_GET*
  std::uint16_t flags = 0;  ///< NLM_F_DUMP: of all
  std::uint8_t family = 0;  ///< NFPROTO_*
  std::array<Text, 2> texts{};
  std::string_view what;          ///< "listing rules", for errors
  std::string_view purpose;       ///< ends the sentence "CAP_NET_ADMIN is needed in the namespace to …"
  std::uint32_t object_type = 0;  ///< NFT_OBJECT_*; 0: none is named
};

using Take = std::function<Result<void>(std::span<const std::byte> payload)>;

/// Calls `begin`, then `take` with the payload of each answer; both again when others changed something meanwhile (NLM_F_DUMP_INTR). After
/// an Error of `take` it is not called again, and that is the answer. The socket can be asked again in any case. Errors: not_permitted,
/// unavailable (no nf_tables), not_found, timed_out, invalid (a name is too long).
[[nodiscard]] Result<void> ask(Socket& socket, const Question& question, const std::function<void()>& begin, const Take& take);

}  // namespace vpn_sentinel::nft
