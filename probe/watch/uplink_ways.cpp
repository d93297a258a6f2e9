#include "probe/watch/uplink_ways.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "probe/watch/tunnel_finder.hpp"

namespace vpn_sentinel {
namespace {

/// Public addresses that stand for all: a way to them is the uplink.
const IpAddress& far_address(Family family) {
  static const std::array addresses{IpAddress::parse("1.0.0.1").value(), IpAddress::parse("2606:4700:4700::1111").value()};
  return addresses[family == Family::v4 ? 0 : 1];
}

constexpr std::array families{Family::v4, Family::v6};

}  // namespace

bool UplinkWays::open(const SocketOpener& own) {
  if (auto look_up = RouteLookup::open(own)) look_up_ = std::move(*look_up);
  return is_open();
}

std::vector<Family> UplinkWays::look(UplinkView& uplink) {
  std::vector<Family> changed;
  if (!look_up_) return changed;
  std::array<RouteQuestion, families.size()> questions;
  for (std::size_t i = 0; i < questions.size(); ++i) questions[i].destination = far_address(families[i]);
  const auto answers = look_up_->look_up(questions);
  std::vector<IpAddress> gateways;
  for (std::size_t i = 0; i < answers.size() && i < families.size(); ++i) {
    if (!answers[i]) continue;
    const auto family = families[i];
    const auto way = read_way(family, *answers[i], uplink);
    for (const auto& hop : answers[i]->route.next_hops) {
      if (hop.gateway) gateways.push_back(*hop.gateway);
    }
    if (way != std::exchange(ways_[family], way)) changed.push_back(family);
  }
  uplink.gateways = std::move(gateways);
  return changed;
}

std::string UplinkWays::read_way(Family family, const RouteAnswer& answer, UplinkView& uplink) {
  auto way = fmt::format("{};", static_cast<int>(answer.kind));
  std::string tunnel;
  bool by_tunnels_only = !answer.route.next_hops.empty();
  for (const auto& hop : answer.route.next_hops) {
    way += fmt::format("{}/{};", hop.link_index, hop.gateway ? hop.gateway->to_string() : "-");
    const auto link = look_up_->read_link(hop.link_index);
    if (link && looks_like_tunnel(*link)) {
      tunnel = link->name;
    } else {
      by_tunnels_only = false;
    }
  }
  (family == Family::v4 ? uplink.own_tunnel : uplink.own_tunnel_v6) = by_tunnels_only ? tunnel : std::string{};
  (family == Family::v4 ? uplink.v4_leads_out : uplink.v6_leads_out) = answer.kind == RouteAnswer::Kind::device;
  return way;
}

}  // namespace vpn_sentinel
