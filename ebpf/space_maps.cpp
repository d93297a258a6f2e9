#include "ebpf/space_maps.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include "ebpf/flow_wire.h"
#include "ebpf/tracer_error.hpp"

namespace vpn_sentinel {
namespace {

void put_address(std::uint8_t (&into)[16], const IpAddress& address) {
  const auto bytes = address.bytes();
  if (address.is_v4()) into[10] = into[11] = 0xff;
  std::copy(bytes.begin(), bytes.end(), std::end(into) - static_cast<std::ptrdiff_t>(bytes.size()));
}

vs_interface_key key_of(std::uint64_t netns, std::uint32_t interface) { return {netns, interface, 0}; }

vs_network_key key_of(std::uint64_t netns, const IpPrefix& prefix) {
  vs_network_key key{};
  key.bits = 64 + (prefix.address().is_v4() ? 96 : 0) + prefix.length();
  key.netns[0] = static_cast<std::uint32_t>(netns);
  key.netns[1] = static_cast<std::uint32_t>(netns >> 32U);
  put_address(key.address, prefix.address());
  return key;
}

vs_endpoint_key key_of(std::uint64_t netns, const TracedEndpoint& endpoint) {
  vs_endpoint_key key{};
  key.netns = netns;
  key.port = htons(endpoint.port);
  key.protocol = endpoint.protocol;
  put_address(key.address, endpoint.address);
  return key;
}

/// 0, or an errno value.
template <typename Values>
int add_each(int map, std::uint64_t netns, const Values& values) {
  constexpr std::uint8_t yes = 1;
  for (const auto& value : values) {
    const auto key = key_of(netns, value);
    if (::bpf_map_update_elem(map, &key, &yes, BPF_ANY) != 0) return errno;
  }
  return 0;
}

template <typename Values>
void remove_each(int map, std::uint64_t netns, const Values& values, const Values& kept) {
  for (const auto& value : values) {
    if (kept.count(value) != 0) continue;
    const auto key = key_of(netns, value);
    (void)::bpf_map_delete_elem(map, &key);
  }
}

}  // namespace

int SpaceMaps::add(std::uint64_t netns, const WatchedSpace& space) const {
  if (const int error = add_each(maps_.interfaces, netns, space.inside); error != 0) return error;
  if (const int error = add_each(maps_.networks, netns, space.networks); error != 0) return error;
  if (const int error = add_each(maps_.endpoints, netns, space.endpoints); error != 0) return error;
  const vs_space value{space.drop ? 1U : 0U, 0};
  return ::bpf_map_update_elem(maps_.spaces, &netns, &value, BPF_ANY) == 0 ? 0 : errno;
}

void SpaceMaps::take_away(std::uint64_t netns, const WatchedSpace& old, const WatchedSpace& kept) const {
  remove_each(maps_.interfaces, netns, old.inside, kept.inside);
  remove_each(maps_.networks, netns, old.networks, kept.networks);
  remove_each(maps_.endpoints, netns, old.endpoints, kept.endpoints);
}

Result<void> SpaceMaps::put(std::uint64_t netns, const WatchedSpace& space) {
  const auto found = known_.find(netns);
  const auto old = found == known_.end() ? WatchedSpace{} : found->second;
  if (const int error = add(netns, space); error != 0) {
    take_away(netns, space, old);
    return fail(tracer_error(TracerStage::space, error, own_rights()));
  }
  take_away(netns, old, space);
  known_[netns] = space;
  return {};
}

void SpaceMaps::remove(std::uint64_t netns) {
  const auto found = known_.find(netns);
  if (found == known_.end()) return;
  (void)::bpf_map_delete_elem(maps_.spaces, &netns);
  take_away(netns, found->second, {});
  known_.erase(found);
}

}  // namespace vpn_sentinel
