/// One question to the kernel and its whole answer, for the doctor's experiments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

struct KernelReply {
  std::uint16_t type = 0;
  std::vector<std::byte> payload;
};

struct KernelAnswer {
  std::map<std::uint32_t, int> codes;  ///< errno by sequence number of each request; 0: done or acknowledged
  std::vector<KernelReply> replies;
};

struct KernelQuestion {
  int protocol = 0;                    ///< NETLINK_*
  std::span<const std::byte> bytes;    ///< one or more requests
  std::vector<std::uint32_t> answers;  ///< the sequence numbers that are answered: by data, an acknowledgement or the end of a dump
  bool dump = false;                   ///< data is not the end
  bool strict = false;                 ///< NETLINK_GET_STRICT_CHK: what the kernel does not know is an error
};

/// Waits at most a second. At most 4096 replies.
[[nodiscard]] Result<KernelAnswer> ask_kernel(const SocketOpener& opener, const KernelQuestion& question);

/// True when the kernel can answer a question for which it needs module `name` without loading it: it is there already, built in, or the
/// kernel has no loadable modules.
[[nodiscard]] bool may_ask(std::string_view name);
/// True when the module lies ready on the disk.
[[nodiscard]] bool can_be_loaded(std::string_view name);

}  // namespace vpn_sentinel
