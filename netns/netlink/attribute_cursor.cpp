#include "netns/netlink/attribute_cursor.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace vpn_sentinel {
std::optional<NextHopRecord> NextHopCursor::next() noexcept {
  NextHopRecord record;
  const auto header = detail::take_record(rest_, &rtnexthop::rtnh_len, record.attributes);
  if (!header) return std::nullopt;
  record.link_index = static_cast<std::uint32_t>(header->rtnh_ifindex);
  record.flags = header->rtnh_flags;
  record.weight = header->rtnh_hops;
  return record;
}

std::string_view Attribute::as_string() const noexcept {
  const auto end = std::ranges::find(payload, std::byte{0});
  return {reinterpret_cast<const char*>(payload.data()), static_cast<std::size_t>(end - payload.begin())};
}

AttributeCursor Attribute::nested() const noexcept { return AttributeCursor{payload}; }

}  // namespace vpn_sentinel
