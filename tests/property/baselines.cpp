#include <linux/rtnetlink.h>

#include "tests/property/flows.hpp"
#include "tests/property/generator.hpp"
#include "tests/property/make_operation.hpp"

namespace vpn_sentinel::property {
namespace {

constexpr std::uint32_t tunnel_table = Fixture::tunnel_table;

Operation route(std::string_view destination, std::string_view way, std::uint32_t table = RT_TABLE_MAIN, std::uint32_t metric = 0) {
  return add_route_operation({"add", "", IpPrefix::parse(destination).value_or(IpPrefix{}), std::string(way), table, metric});
}

Operation default_by_uplink() { return route("0.0.0.0/0", "via 203.0.113.1 dev eth0 onlink"); }
Operation default_v6_by_uplink() { return route("::/0", "via fe80::1 dev eth0"); }
Operation endpoint_route() { return route("198.51.100.2/32", "via 203.0.113.1 dev eth0 onlink"); }

Operation tunnel_rule(Family family, std::uint32_t priority) {
  Selectors selectors;
  selectors.invert = true;
  selectors.mark = tunnel_table;
  return add_rule_operation(family, priority, selectors, "not fwmark 51820", "lookup 51820", tunnel_table);
}

std::vector<Operation> openvpn() {
  return {default_by_uplink(), endpoint_route(), route("0.0.0.0/1", "dev tun0"), route("128.0.0.0/1", "dev tun0"),
          route("2000::/3", "dev tun0")};
}

std::vector<Operation> wg_quick() {
  std::vector<Operation> operations{default_by_uplink(), default_v6_by_uplink(), route("0.0.0.0/0", "dev tun0", tunnel_table),
                                    route("::/0", "dev tun0", tunnel_table)};
  for (const auto family : {Family::v4, Family::v6}) {
    operations.push_back(tunnel_rule(family, 32'765));
    operations.push_back(add_rule_operation(family, 32'764, {}, "", "lookup main suppress_prefixlength 0", RT_TABLE_MAIN));
  }
  return operations;
}

std::vector<Operation> gluetun() {
  return {default_by_uplink(),
          default_v6_by_uplink(),
          route("0.0.0.0/0", "dev tun0", tunnel_table),
          route("::/0", "dev tun0", tunnel_table),
          tunnel_rule(Family::v4, 101),
          tunnel_rule(Family::v6, 101)};
}

std::vector<Operation> plain() {
  return {endpoint_route(), route("0.0.0.0/0", "dev tun0", RT_TABLE_MAIN, 50), route("::/0", "dev tun0", RT_TABLE_MAIN, 50)};
}

}  // namespace

std::vector<Operation> Generator::baseline() {
  used_.clear();
  switch (below(4)) {
    case 0:
      return openvpn();
    case 1:
      return wg_quick();
    case 2:
      return gluetun();
    default:
      return plain();
  }
}

}  // namespace vpn_sentinel::property
