#include "netns/firewall/firewall_policy.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_id = 32;
constexpr std::size_t most_device_name = 15;  // IFNAMSIZ with its NUL is 16

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

Result<void> check_allowed(const AllowedPackets& allowed) {
  const bool by_port = allowed.source_ports || allowed.destination_ports;
  const bool selects = allowed.mark_mask != 0 || allowed.priority != 0 || allowed.uids || allowed.protocol != 0 || by_port ||
                       allowed.source || allowed.destination;
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

}  // namespace

Result<void> check_policy(const FirewallPolicy& policy) {
  if (policy.tunnels.empty()) return fail(Error::Kind::invalid, "tunnels: none is given; without one everything would be outside");
  if (auto checked = check_devices("tunnels", policy.tunnels, most_tunnels); !checked) return checked;
  if (auto checked = check_devices("uplinks", policy.uplinks, most_uplinks); !checked) return checked;
  for (const auto& uplink : policy.uplinks) {
    if (std::find(policy.tunnels.begin(), policy.tunnels.end(), uplink) == policy.tunnels.end()) continue;
    return fail(Error::Kind::invalid, fmt::format("uplinks: '{}' is also given as a tunnel", uplink));
  }
  if (auto checked = check_count("endpoints", policy.endpoints.size(), most_endpoints); !checked) return checked;
  for (const auto& endpoint : policy.endpoints) {
    if (endpoint.address.is_unspecified()) return fail(Error::Kind::invalid, "endpoints: the unspecified address is no VPN server");
  }
  if (auto checked = check_count("allowed", policy.allowed.size(), most_allowed); !checked) return checked;
  std::size_t allowed_rules = 0;
  for (const auto& allowed : policy.allowed) {
    if (auto checked = check_allowed(allowed); !checked) return checked;
    allowed_rules += rules_for(allowed);
  }
  if (auto checked = check_count("allowed, in rules", allowed_rules, most_allowed_rules); !checked) return checked;
  return check_count("local_networks", policy.local_networks.size(), most_local_networks);
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

}  // namespace vpn_sentinel
