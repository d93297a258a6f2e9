#include "probe/delivery/delivery_path.hpp"

namespace vpn_sentinel {

std::string_view to_string(DeliveryPath path) { return path == DeliveryPath::tunnel ? "tunnel" : "uplink"; }

std::vector<DeliveryPath> path_order(const PathChoice& choice) {
  const bool tunnel_first = choice.tunnel_trusted && !(choice.is_change && choice.uplink_trusted);
  std::vector<DeliveryPath> order;
  if (choice.has_tunnel && tunnel_first) order.push_back(DeliveryPath::tunnel);
  if (choice.has_uplink) order.push_back(DeliveryPath::uplink);
  if (choice.has_tunnel && !tunnel_first) order.push_back(DeliveryPath::tunnel);
  return order;
}

}  // namespace vpn_sentinel
