#include "ebpf/space_maps.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

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

std::uint64_t half_of(const std::uint8_t* bytes) {
  std::uint64_t half = 0;
  std::memcpy(&half, bytes, sizeof half);
  return half;
}

/// An IPv4 one with the 96 bits before it.
void put_network(__u64 (&into)[2], __u64 (&mask)[2], const std::optional<IpPrefix>& network) {
  if (!network) return;
  std::uint8_t address[16]{};
  put_address(address, network->address());
  std::uint8_t bits[16]{};
  const unsigned length = (network->address().is_v4() ? 96 : 0) + network->length();
  for (unsigned bit = 0; bit < length; ++bit) bits[bit / 8] = static_cast<std::uint8_t>(bits[bit / 8] | 0x80U >> bit % 8);
  for (unsigned half = 0; half < 2; ++half) {
    into[half] = half_of(address + 8 * half);
    mask[half] = half_of(bits + 8 * half);
  }
}

template <typename Number>
void put_range(Number (&into)[2], const std::optional<std::pair<Number, Number>>& range) {
  into[0] = range ? range->first : std::numeric_limits<Number>::min();
  into[1] = range ? range->second : std::numeric_limits<Number>::max();
}

vs_allowed wire_of(const TracedAllowance& packets) {
  vs_allowed wire{};
  put_network(wire.source, wire.source_mask, packets.source);
  put_network(wire.destination, wire.destination_mask, packets.destination);
  wire.mark = packets.mark;
  wire.mark_mask = packets.mark_mask;
  put_range(wire.uids, packets.uids);
  put_range(wire.source_ports, packets.source_ports);
  put_range(wire.destination_ports, packets.destination_ports);
  wire.by_ports = packets.source_ports || packets.destination_ports ? 1 : 0;
  wire.protocol = packets.protocol;
  wire.family = packets.family ? static_cast<std::uint8_t>(*packets.family) : std::uint8_t{0};
  return wire;
}

vs_allowed_list wire_of(const std::vector<TracedAllowance>& allowed) {
  vs_allowed_list list{};
  for (const auto& packets : allowed) {
    if (list.count == VS_MOST_ALLOWED) break;
    list.items[list.count++] = wire_of(packets);
  }
  return list;
}
static_assert(WatchedSpace::most_allowed == VS_MOST_ALLOWED);

/// What they are, by index.
std::map<std::uint32_t, std::uint8_t> devices_of(const WatchedSpace& space) {
  std::map<std::uint32_t, std::uint8_t> devices;
  for (const auto index : space.inner) devices[index] = VS_DEVICE_INNER;
  for (const auto index : space.inside) devices[index] = VS_DEVICE_INSIDE;
  return devices;
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

int SpaceMaps::put_allowed(std::uint64_t netns, const std::vector<TracedAllowance>& allowed) const {
  if (allowed.empty()) return ::bpf_map_delete_elem(maps_.allowed, &netns) == 0 || errno == ENOENT ? 0 : errno;
  const auto list = wire_of(allowed);
  return ::bpf_map_update_elem(maps_.allowed, &netns, &list, BPF_ANY) == 0 ? 0 : errno;
}

int SpaceMaps::add(std::uint64_t netns, const WatchedSpace& space) const {
  for (const auto& [index, kind] : devices_of(space)) {
    const auto key = key_of(netns, index);
    if (::bpf_map_update_elem(maps_.interfaces, &key, &kind, BPF_ANY) != 0) return errno;
  }
  if (const int error = add_each(maps_.networks, netns, space.networks); error != 0) return error;
  if (const int error = add_each(maps_.endpoints, netns, space.endpoints); error != 0) return error;
  if (const int error = put_allowed(netns, space.allowed); error != 0) return error;
  const vs_space value{space.drop ? 1U : 0U, 0};
  return ::bpf_map_update_elem(maps_.spaces, &netns, &value, BPF_ANY) == 0 ? 0 : errno;
}

void SpaceMaps::take_away(std::uint64_t netns, const WatchedSpace& old, const WatchedSpace& kept) const {
  const auto devices = devices_of(kept);
  for (const auto& [index, kind] : devices_of(old)) {
    const auto left = devices.find(index);
    const auto key = key_of(netns, index);
    if (left == devices.end()) {
      (void)::bpf_map_delete_elem(maps_.interfaces, &key);
    } else if (left->second != kind) {
      (void)::bpf_map_update_elem(maps_.interfaces, &key, &left->second, BPF_ANY);
    }
  }
  if (old.allowed != kept.allowed) (void)put_allowed(netns, kept.allowed);
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
