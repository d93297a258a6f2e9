#include "tests/property/make_operation.hpp"

#include <fmt/format.h>

#include "tests/property/flows.hpp"

namespace vpn_sentinel::property {

Operation plain_operation(Family family, std::string line) {
  Operation operation;
  operation.family = family;
  operation.line = std::move(line);
  return operation;
}

Operation add_route_operation(const RouteParts& parts) {
  Operation operation;
  operation.effect = Operation::Effect::add_route;
  operation.family = parts.destination.address().family();
  operation.destination = parts.destination;
  operation.table = parts.table;
  operation.key = fmt::format("{} {} table {}", parts.type, parts.destination.to_string(), parts.table);
  if (parts.metric != 0) operation.key += fmt::format(" metric {}", parts.metric);
  operation.line = fmt::format("route {} {} {}", parts.verb, operation.key, parts.way);
  // `append` makes two IPv6 routes of one metric a multipath route.
  const bool joins = operation.family == Family::v6 && parts.verb == "append";
  operation.multipath = joins || parts.way.find("nexthop") != std::string::npos || parts.way.find("nhid 1") != std::string::npos;
  operation.by_tunnel = parts.way.find(Fixture::tunnel) != std::string::npos;
  return operation;
}

Operation delete_route_operation(const Operation& added) {
  auto operation = added;
  operation.effect = Operation::Effect::delete_route;
  operation.line = "route del " + added.key;
  return operation;
}

Operation add_rule_operation(Family family, std::uint32_t priority, const Selectors& selectors, std::string_view text,
                             std::string_view action, std::uint32_t table) {
  Operation operation;
  operation.effect = Operation::Effect::add_rule;
  operation.family = family;
  operation.selectors = selectors;
  operation.table = table;
  const auto specification = fmt::format("{} {} priority {}", text, action, priority);
  operation.key = fmt::format("{} {}", family == Family::v4 ? "-4" : "-6", specification);
  operation.line = "rule add " + specification;
  return operation;
}

Operation delete_rule_operation(const Operation& added) {
  auto operation = added;
  operation.effect = Operation::Effect::delete_rule;
  operation.line.replace(0, std::string_view("rule add").size(), "rule del");
  return operation;
}

Operation add_address_operation(std::string_view text, std::string_view device) {
  Operation operation;
  operation.effect = Operation::Effect::add_address;
  operation.address = IpAddress::parse(text.substr(0, text.find('/'))).value_or(IpAddress{});
  operation.destination = IpPrefix::parse(text).value_or(IpPrefix{});
  operation.family = operation.address.family();
  operation.on_uplink = device == Fixture::uplink;
  operation.key = text;
  operation.line = fmt::format("address add {} dev {}{}", text, device, operation.family == Family::v6 ? " nodad" : "");
  return operation;
}

Operation delete_address_operation(const Operation& added) {
  auto operation = added;
  operation.effect = Operation::Effect::delete_address;
  operation.line = fmt::format("address del {} dev {}", added.key, added.on_uplink ? Fixture::uplink : Fixture::tunnel);
  return operation;
}

}  // namespace vpn_sentinel::property
