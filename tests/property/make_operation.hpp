/// Operations from their parts.
#pragma once

#include <string>
#include <string_view>

#include "tests/property/operation.hpp"

namespace vpn_sentinel::property {

/// A command without a meaning for the model.
[[nodiscard]] Operation plain_operation(Family family, std::string line);

/// `way` is what follows the destination of `ip route add`: "via 203.0.113.1 dev eth0", "nhid 11"; `type` is empty for unicast.
struct RouteParts {
  std::string_view verb = "add";
  std::string_view type;
  IpPrefix destination;
  std::string way;
  std::uint32_t table = 254;
  std::uint32_t metric = 0;
};
[[nodiscard]] Operation add_route_operation(const RouteParts& parts);
/// Takes `added` back.
[[nodiscard]] Operation delete_route_operation(const Operation& added);

/// `selectors` as ip-rule(8) has them, `action` like "lookup 100 suppress_prefixlength 0".
[[nodiscard]] Operation add_rule_operation(Family family, std::uint32_t priority, const Selectors& selectors, std::string_view text,
                                           std::string_view action, std::uint32_t table);
[[nodiscard]] Operation delete_rule_operation(const Operation& added);

/// `text` is ADDRESS/LENGTH.
[[nodiscard]] Operation add_address_operation(std::string_view text, std::string_view device);
[[nodiscard]] Operation delete_address_operation(const Operation& added);

}  // namespace vpn_sentinel::property
