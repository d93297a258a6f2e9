/// Words that routes and rules have in common; for netns/monitor alone.
#pragma once

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <string>
#include <string_view>

#include "netns/base/ip.hpp"

namespace vpn_sentinel::describing {

/// ip(8) leaves IPv4 unnamed; "default" alone would not tell which family lost its way out.
inline std::string_view family_prefix(Family family) { return family == Family::v6 ? "IPv6 " : ""; }

inline std::string destination_text(const IpPrefix& destination) {
  if (destination.length() == 0) return "default";
  const bool host = destination.length() == (destination.address().is_v4() ? 32U : 128U);
  return host ? destination.address().to_string() : destination.to_string();
}

inline std::string table_text(std::uint32_t table) {
  if (table == RT_TABLE_MAIN) return "main";
  if (table == RT_TABLE_DEFAULT) return "default";
  return table == RT_TABLE_LOCAL ? "local" : fmt::format("{}", table);
}

}  // namespace vpn_sentinel::describing
