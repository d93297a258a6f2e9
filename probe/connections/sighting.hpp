/// What a source tells of one flow at one moment. Plain values.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

enum class FlowSource : std::uint8_t { ebpf, sock_diag, conntrack, nflog };
[[nodiscard]] std::string_view to_string(FlowSource kind);

struct Program {
  pid_t pid = 0;          ///< as the probe's own pid namespace numbers it
  std::string name;       ///< comm: at most 15 bytes, as the program itself chose them; control characters replaced
  std::uint32_t uid = 0;  ///< effective, of the process
  std::string container;  ///< its id of 64 digits; empty: none
  friend bool operator==(const Program&, const Program&) = default;
};

/// Whose a flow is: one program, or nobody's with the reason. Never a guess.
struct Owner {
  std::optional<Program> program{};
  std::vector<Program> candidates{};  ///< all of them have the socket; which of them sends is not known
  std::string why_not{};              ///< of an absent program, a half sentence
  friend bool operator==(const Owner&, const Owner&) = default;
};

struct FlowKey {
  std::uint8_t protocol = 0;  ///< IPPROTO_*
  Endpoint local;             ///< port 0: not told
  Endpoint remote;
  std::uint64_t cookie = 0;  ///< the kernel's name of the socket, the same for sock_diag and eBPF; 0: not told
  friend auto operator<=>(const FlowKey&, const FlowKey&) = default;  // NOLINT(modernize-use-nullptr): taken for a 0 by clang-tidy 14
};

/// Totals of a flow since it began, or since the source looks.
struct FlowBytes {
  std::uint64_t out = 0;
  std::uint64_t in = 0;
  bool headers = false;  ///< with IP headers, as packets; false: of the stream alone
  bool in_known = true;  ///< false: what comes in is not counted, and `in` is 0
  friend bool operator==(const FlowBytes&, const FlowBytes&) = default;
};

struct Sighting {
  FlowKey key;
  std::optional<std::uint32_t> uid{};   ///< of the socket's maker
  Owner owner{};                        ///< without any of its fields: the source knows nothing of owners
  std::uint32_t bound_index = 0;        ///< of the device that the socket is bound to; 0: none, or not told
  std::uint32_t out_index = 0;          ///< of the device that packets were seen to leave by, after routing; 0: not seen
  std::optional<std::uint32_t> mark{};  ///< of the socket or its packets; absent: not told
  std::optional<FlowBytes> bytes{};     ///< absent: not counted
  bool ended = false;                   ///< nothing comes any more
  bool blocked = false;                 ///< a firewall's rule logged a packet of it, which most do when they drop it
  friend bool operator==(const Sighting&, const Sighting&) = default;
};

}  // namespace vpn_sentinel
