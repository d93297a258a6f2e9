#include "tests/property/operation.hpp"

#include <fmt/format.h>

namespace vpn_sentinel::property {

std::string Operation::to_string() const {
  const auto command = line.empty() ? std::string{} : fmt::format("ip {} {}", family == Family::v4 ? "-4" : "-6", line);
  if (effect == Effect::close_tunnel) return "# the program that owns tun0 ends";
  if (effect == Effect::open_tunnel) return "# tun0 is made anew";
  return command;
}

void Model::apply(const Operation& operation) {
  const bool concerns_links = operation.effect == Operation::Effect::other && operation.line.starts_with("link ");
  const bool takes_address = operation.effect == Operation::Effect::delete_address && !operation.on_uplink;
  disturbed = disturbed || concerns_links || takes_address || operation.effect == Operation::Effect::close_tunnel;
  switch (operation.effect) {
    case Operation::Effect::add_route:
      routes[operation.key] = operation;
      destinations.insert(operation.destination);
      if (operation.multipath) multipath.insert(operation.destination);
      break;
    case Operation::Effect::delete_route:
      routes.erase(operation.key);
      break;
    case Operation::Effect::add_rule:
      rules[operation.key] = operation;
      break;
    case Operation::Effect::delete_rule:
      rules.erase(operation.key);
      break;
    case Operation::Effect::add_address:
      addresses[operation.key] = operation;
      break;
    case Operation::Effect::delete_address:
      addresses.erase(operation.key);
      break;
    case Operation::Effect::other:
    case Operation::Effect::close_tunnel:
    case Operation::Effect::open_tunnel:
      break;
  }
}

}  // namespace vpn_sentinel::property
