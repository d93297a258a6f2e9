#include "hub/store/flow_store.hpp"

namespace vpn_sentinel {

nlohmann::json traffic_json(const Traffic& traffic) {
  return {{"bytes_out", traffic.bytes_out}, {"bytes_in", traffic.bytes_in}, {"opened", traffic.opened}, {"uncounted", traffic.uncounted}};
}

nlohmann::json traffic_json(const TrafficByWay& traffic) {
  return {{"tunnel", traffic_json(traffic.tunnel)}, {"outside", traffic_json(traffic.outside)}, {"other", traffic_json(traffic.other)}};
}

}  // namespace vpn_sentinel
