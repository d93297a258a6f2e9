#include "netns/netlink/values.hpp"

#include <linux/if.h>

namespace vpn_sentinel {

bool Link::is_up() const noexcept { return (flags & IFF_UP) != 0; }
bool Link::is_loopback() const noexcept { return (flags & IFF_LOOPBACK) != 0; }

}  // namespace vpn_sentinel
