/// Snapshots for the tests of probe/watch, as a VPN host has them.
#pragma once

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include <string>

#include "netns/monitor/snapshot.hpp"
#include "tests/unit/probe/make_ip.hpp"

namespace vpn_sentinel::test {

inline IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value(); }

inline Link link(std::uint32_t index, std::string name, std::string kind, bool up = true) {
  Link made;
  made.index = index;
  made.name = std::move(name);
  made.kind = std::move(kind);
  made.type = made.kind.empty() || made.kind == "veth" || made.kind == "bridge" ? ARPHRD_ETHER : ARPHRD_NONE;
  made.flags = up ? static_cast<std::uint32_t>(IFF_UP) : 0U;
  made.carrier = up;
  return made;
}

inline Route route(std::string_view destination, std::uint32_t link_index, std::string_view gateway = {}) {
  Route made;
  made.destination = prefix(destination);
  made.family = made.destination.address().family();
  made.table = RT_TABLE_MAIN;
  made.type = RTN_UNICAST;
  NextHop hop;
  hop.link_index = link_index;
  if (!gateway.empty()) hop.gateway = ip(gateway);
  made.next_hops = {hop};
  return made;
}

inline InterfaceAddress own(std::uint32_t link_index, std::string_view address, std::uint8_t prefix_length) {
  InterfaceAddress made;
  made.link_index = link_index;
  made.address = ip(address);
  made.prefix_length = prefix_length;
  return made;
}

}  // namespace vpn_sentinel::test
