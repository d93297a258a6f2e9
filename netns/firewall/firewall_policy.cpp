#include "netns/firewall/firewall_policy.hpp"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_id = 32;

Result<void> check_count(std::string_view field, std::size_t count, std::size_t most) {
  if (count <= most) return {};
  return fail(Error::Kind::invalid, fmt::format("{}: {} are given, at most {} are possible", field, count, most));
}

Result<void> check_devices(std::string_view field, const std::vector<std::string>& devices, std::size_t most) {
  if (auto counted = check_count(field, devices.size(), most); !counted) return counted;
  for (const auto& device : devices) {
    // As the kernel's dev_valid_name().
    const bool odd =
        std::any_of(device.begin(), device.end(), [](unsigned char c) { return c <= ' ' || c == '/' || c == ':' || c == 0x7f; });
    if (device.empty() || device.size() > most_device_name || odd || device == "." || device == "..") {
      return fail(Error::Kind::invalid,
                  fmt::format("{}: '{}' is no interface name (1-15 bytes without space, '/' and ':')", field, device));
    }
  }
  return {};
}

bool is_in_order(const std::optional<AllowedPorts>& range) { return !range || range->first <= range->last; }

bool is_multicast(const IpAddress& address) {
  const auto first = address.bytes()[0];
  return address.is_v4() ? first >= 224 && first < 240 : first == 0xff;
}

Result<void> check_allowed(const AllowedPackets& allowed) {
  const bool by_port = allowed.source_ports || allowed.destination_ports;
  const auto narrows = [](const std::optional<IpPrefix>& prefix) { return prefix && prefix->length() > 0; };
  const bool selects = allowed.mark_mask != 0 || allowed.priority != 0 || allowed.uids || allowed.protocol != 0 || by_port ||
                       narrows(allowed.source) || narrows(allowed.destination);
  if (!selects) return fail(Error::Kind::invalid, "allowed: one names no packets, and would allow all of them");
  if (by_port && allowed.protocol != 0 && allowed.protocol != IPPROTO_UDP && allowed.protocol != IPPROTO_TCP) {
    return fail(Error::Kind::invalid, fmt::format("allowed: protocol {} has no ports", allowed.protocol));
  }
  if (!is_in_order(allowed.source_ports) || !is_in_order(allowed.destination_ports) ||
      (allowed.uids && allowed.uids->first > allowed.uids->last)) {
    return fail(Error::Kind::invalid, "allowed: a range ends before it begins");
  }
  const auto is_other = [&](const std::optional<IpPrefix>& prefix, Family family) {
    return prefix && prefix->address().family() != family;
  };
  const bool mixed = (allowed.family && (is_other(allowed.source, *allowed.family) || is_other(allowed.destination, *allowed.family))) ||
                     (allowed.source && is_other(allowed.destination, allowed.source->address().family()));
  if (mixed) return fail(Error::Kind::invalid, "allowed: IPv4 and IPv6 in one");
  return {};
}

Result<void> check_endpoint(const TunnelEndpoint& endpoint) {
  if (endpoint.address.is_unspecified()) return fail(Error::Kind::invalid, "endpoints: the unspecified address is no VPN server");
  const auto protocol = endpoint.protocol;
  const bool has_ports = protocol == 0 || protocol == IPPROTO_UDP || protocol == IPPROTO_TCP || protocol == IPPROTO_SCTP;
  if (endpoint.port == 0 || has_ports) return {};
  return fail(Error::Kind::invalid, fmt::format("endpoints: protocol {} has no port {}", protocol, endpoint.port));
}

Result<void> check_networks(const FirewallPolicy& policy) {
  if (auto checked = check_count("local_networks", policy.local_networks.size(), most_local_networks); !checked) return checked;
  for (const auto& network : policy.local_networks) {
    if (can_be_local(network)) continue;
    return fail(Error::Kind::invalid,
                fmt::format("local_networks: {} is too large to be local (at least /8, IPv6 /7)", network.to_string()));
  }
  if (auto checked = check_count("tunnel_networks", policy.tunnel_networks.size(), most_tunnel_networks); !checked) return checked;
  return check_count("on_link", policy.on_link.size(), most_on_link);
}

Result<void> check_carrying_types(const FirewallPolicy& policy) {
  for (const auto type : policy.carrying_types) {
    const bool is_frame_of_ip = type == ETH_P_IP || type == ETH_P_IPV6 || type == ETH_P_8021Q || type == ETH_P_8021AD;
    if (!is_frame_of_ip && type >= ETH_P_802_3_MIN) continue;
    return fail(Error::Kind::invalid, fmt::format("carrying_types: {:#x} carries no device of its own", type));
  }
  return check_count("carrying_types", policy.carrying_types.size(), most_carrying_types);
}

Result<void> check_tunnel_types(const FirewallPolicy& policy) {
  for (auto place = policy.tunnel_types.begin(); place != policy.tunnel_types.end(); ++place) {
    const auto is_same = [&](const TunnelType& other) { return other.tunnel == place->tunnel; };
    const bool named = std::find(policy.tunnels.begin(), policy.tunnels.end(), place->tunnel) != policy.tunnels.end();
    if (named && std::none_of(policy.tunnel_types.begin(), place, is_same)) continue;
    return fail(Error::Kind::invalid, fmt::format("tunnel_types: '{}' is no tunnel, or has two types", place->tunnel));
  }
  return {};
}

}  // namespace

bool can_be_local(const IpPrefix& network) noexcept {
  return is_multicast(network.address()) ? network.length() >= 4 : network.length() >= (network.address().is_v4() ? 8U : 7U);
}

Result<void> check_policy(const FirewallPolicy& policy) {
  if (policy.tunnels.empty()) return fail(Error::Kind::invalid, "tunnels: none is given; without one everything would be outside");
  if (auto checked = check_devices("tunnels", policy.tunnels, most_tunnels); !checked) return checked;
  if (auto checked = check_devices("uplinks", policy.uplinks, most_uplinks); !checked) return checked;
  if (auto checked = check_devices("inner_devices", policy.inner_devices, most_inner_devices); !checked) return checked;
  for (const auto& uplink : policy.uplinks) {
    if (uplink == "lo") return fail(Error::Kind::invalid, "uplinks: 'lo' leads nowhere");
    const auto& inner = policy.inner_devices;
    if (std::find(inner.begin(), inner.end(), uplink) != inner.end()) {
      return fail(Error::Kind::invalid, fmt::format("uplinks: '{}' is also given as an inner device", uplink));
    }
    if (std::find(policy.tunnels.begin(), policy.tunnels.end(), uplink) == policy.tunnels.end()) continue;
    return fail(Error::Kind::invalid, fmt::format("uplinks: '{}' is also given as a tunnel", uplink));
  }
  if (auto checked = check_count("endpoints", policy.endpoints.size(), most_endpoints); !checked) return checked;
  for (const auto& endpoint : policy.endpoints) {
    if (auto checked = check_endpoint(endpoint); !checked) return checked;
  }
  if (auto checked = check_tunnel_types(policy); !checked) return checked;
  if (auto checked = check_carrying_types(policy); !checked) return checked;
  if (auto checked = check_count("allowed", policy.allowed.size(), most_allowed); !checked) return checked;
  std::size_t allowed_rules = 0;
  for (const auto& allowed : policy.allowed) {
    if (auto checked = check_allowed(allowed); !checked) return checked;
    allowed_rules += rules_for(allowed);
  }
  if (auto checked = check_count("allowed, in rules", allowed_rules, most_allowed_rules); !checked) return checked;
  return check_networks(policy);
}

std::vector<UserBlock> blocks_of(const AllowedUids& range) {
  std::vector<UserBlock> blocks;
  for (std::uint64_t next = range.first; next <= range.last;) {
    std::uint64_t size = 1;
    while (size < std::uint64_t{1} << 32U && next % (size * 2) == 0 && next + size * 2 - 1 <= range.last) size *= 2;
    blocks.push_back({static_cast<std::uint32_t>(next), static_cast<std::uint32_t>(~(size - 1))});
    next += size;
  }
  return blocks;
}

std::size_t rules_for(const AllowedPackets& allowed) {
  const std::size_t protocols = allowed.protocol == 0 && (allowed.source_ports || allowed.destination_ports) ? 2 : 1;
  return protocols * (allowed.uids ? blocks_of(*allowed.uids).size() : 1);
}

std::vector<IpPrefix> standard_local_networks() {
  constexpr std::array<std::string_view, 10> texts{"10.0.0.0/8",  "172.16.0.0/12",      "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
                                                   "224.0.0.0/4", "255.255.255.255/32", "fc00::/7",       "fe80::/10",     "ff00::/8"};
  std::vector<IpPrefix> networks;
  networks.reserve(texts.size());
  for (const auto text : texts) networks.push_back(IpPrefix::parse(text).value());
  return networks;
}

Result<void> check_firewall_id(std::string_view id) {
  const bool sane = std::all_of(id.begin(), id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!id.empty() && id.size() <= most_id && sane) return {};
  return fail(Error::Kind::invalid, fmt::format("firewall id '{}': expected 1-32 of a-z, 0-9 and '-'", id.substr(0, most_id)));
}

std::string make_firewall_id(std::string_view name) {
  if (check_firewall_id(name)) return std::string(name);
  // FNV-1a: two names that differ only in what is left out must not share tables.
  std::uint64_t sum = 0xcbf29ce484222325;
  std::string id;
  for (const char c : name) {
    sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    const auto lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool sane = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (id.size() < most_id - 9) id += sane ? lower : '-';
  }
  return fmt::format("{}-{:08x}", id, static_cast<std::uint32_t>(sum ^ sum >> 32));
}

}  // namespace vpn_sentinel
