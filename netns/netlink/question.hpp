/// One request to the kernel and all that it answers, for the families whose answers end with NLMSG_DONE or NLMSG_ERROR (netlink(7)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel {

using TakeMessage = std::function<void(const NetlinkMessage& message)>;

/// Sends and reads until the kernel acknowledges or ends the dump; every other message with `sequence` goes to `take`, the rest is passed
/// over. The code of the end: 0 when it was carried out, or errno. `what` names the work in the error of a deadline that passed.
[[nodiscard]] Result<int> ask_netlink(int fd, std::span<const std::byte> request, std::uint32_t sequence, MonoTime deadline,
                                      std::string_view what, const TakeMessage& take);

}  // namespace vpn_sentinel
