/// One change of the network under test, as the line that ip(8) is given, and what it means for the packets that have to be sent to find
/// out the truth. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/netlink/values.hpp"

namespace vpn_sentinel::property {

/// Whom a rule concerns; absent selectors match everything.
struct Selectors {
  bool invert = false;
  std::optional<std::uint32_t> mark;
  std::uint32_t mask = 0xffffffff;
  std::optional<UidRange> uids;
  std::uint8_t ip_protocol = 0;  ///< IPPROTO_*; 0: any
  std::uint8_t tos = 0;          ///< 0: any
  std::optional<PortRange> source_ports;
  std::optional<PortRange> destination_ports;
  std::optional<IpPrefix> source;
  std::optional<IpPrefix> destination;
};

struct Operation {
  enum class Effect { other, add_route, delete_route, add_rule, delete_rule, add_address, delete_address, close_tunnel, open_tunnel };
  Effect effect = Effect::other;
  Family family = Family::v4;  ///< the option -4 or -6 of ip(8)
  std::string line;            ///< for ip(8); empty: only the tunnel is closed or opened
  std::string key;             ///< what the thing added or deleted is known by
  IpPrefix destination;        ///< of a route
  bool multipath = false;
  std::uint32_t table = 0;  ///< of a route or rule
  bool by_tunnel = false;
  Selectors selectors;  ///< of a rule
  IpAddress address;    ///< of an address; its subnet is `destination`
  bool on_uplink = false;

  /// As a command for a shell.
  [[nodiscard]] std::string to_string() const;
};

/// What the operations so far may have left. A superset as far as routes are concerned: those that the kernel took away by itself stay,
/// and destinations are kept for good (the kernel may have deleted another of two routes than was meant). That costs a few packets too
/// many and no truth.
struct Model {
  std::map<std::string, Operation> routes;
  std::map<std::string, Operation> rules;
  std::map<std::string, Operation> addresses;
  std::set<IpPrefix> destinations;
  std::set<IpPrefix> multipath;  ///< destinations that ever had several next hops
  bool disturbed = false;        ///< the tunnel's link or addresses changed: its routes may have gone silently

  void apply(const Operation& operation);
};

}  // namespace vpn_sentinel::property
