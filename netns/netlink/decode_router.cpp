// What the kernel tells about router advertisements: RTM_NEWNDUSEROPT, RTM_NEWPREFIX.
#include <array>

#include "netns/netlink/decode.hpp"
#include "netns/netlink/decode_detail.hpp"

namespace vpn_sentinel {
namespace {

using namespace decoding;

/// An option's length counts units of 8 bytes (RFC 4861, section 4.6).
constexpr std::size_t unit = 8;
constexpr std::size_t address_size = 16;

struct OptionHeader {
  std::uint8_t type;
  std::uint8_t units;
};

/// RFC 8106, section 5.1: after the option's header two bytes reserved, the lifetime in network order, then addresses.
struct ServersHeader {
  OptionHeader option;
  std::uint16_t reserved;
  std::array<std::uint8_t, 4> lifetime;
};

void read_servers(RouterOption& option, std::span<const std::byte> bytes) {
  const auto header = take_header<ServersHeader>(bytes);
  if (!header) return;
  std::uint32_t lifetime = 0;
  for (const auto byte : header->lifetime) lifetime = lifetime << 8U | byte;
  option.lifetime = lifetime;
  for (; bytes.size() >= address_size; bytes = bytes.subspan(address_size)) {
    if (const auto server = IpAddress::from_bytes(bytes.first(address_size))) option.servers.push_back(*server);
  }
}

}  // namespace

Result<RouterOption> decode_router_option(std::span<const std::byte> payload) {
  const auto header = take_header<nduseroptmsg>(payload);
  if (!header || payload.empty()) return too_short("router option");
  RouterOption option{static_cast<std::uint32_t>(header->nduseropt_ifindex), std::to_integer<std::uint8_t>(payload.front())};
  const std::size_t length = header->nduseropt_opts_len;
  if (length > payload.size()) return option;
  auto bytes = payload.first(length);
  if (length < unit || std::to_integer<std::size_t>(bytes[1]) * unit > length) return option;
  bytes = bytes.first(std::to_integer<std::size_t>(bytes[1]) * unit);
  if (option.option == option_dns_servers) read_servers(option, bytes);
  AttributeCursor attributes{payload.subspan(length)};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == NDUSEROPT_SRCADDR) option.router = address_of(*attribute, Family::v6);
  }
  return option;
}

Result<AdvertisedPrefix> decode_advertised_prefix(std::span<const std::byte> payload) {
  const auto header = take_header<prefixmsg>(payload);
  if (!header) return too_short("prefix");
  if (header->prefix_family != AF_INET6 || header->prefix_len > address_bits(Family::v6)) {
    return fail(Error::Kind::invalid, "the message is not about an IPv6 prefix");
  }
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type != PREFIX_ADDRESS) continue;
    const auto prefix = prefix_of(*attribute, Family::v6, header->prefix_len);
    if (prefix) return AdvertisedPrefix{static_cast<std::uint32_t>(header->prefix_ifindex), *prefix};
  }
  return fail(Error::Kind::invalid, "the message carries no prefix");
}

}  // namespace vpn_sentinel
