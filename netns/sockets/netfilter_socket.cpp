#include "netns/sockets/netfilter_socket.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstring>

namespace vpn_sentinel {

std::optional<std::uint16_t> big_u16(const Attribute& attribute) noexcept {
  const auto value = attribute.as<std::uint16_t>();
  return value ? std::optional(be16toh(*value)) : std::nullopt;
}
std::optional<std::uint32_t> big_u32(const Attribute& attribute) noexcept {
  const auto value = attribute.as<std::uint32_t>();
  return value ? std::optional(be32toh(*value)) : std::nullopt;
}
std::optional<std::uint64_t> big_u64(const Attribute& attribute) noexcept {
  const auto value = attribute.as<std::uint64_t>();
  return value ? std::optional<std::uint64_t>(be64toh(*value)) : std::nullopt;
}

Result<NetlinkSocket> open_netfilter(const SocketOpener& opener, std::uint32_t groups) {
  return open_netlink([&](int domain, int type, int) { return opener(domain, type, NETLINK_NETFILTER); }, groups);
}

std::vector<std::byte> netfilter_request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, std::uint8_t family,
                                         std::uint16_t resource) {
  nlmsghdr header{};
  nfgenmsg body{};
  std::vector<std::byte> bytes(sizeof header + sizeof body);
  header.nlmsg_len = static_cast<std::uint32_t>(bytes.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = sequence;
  body.nfgen_family = family;
  body.res_id = htons(resource);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &body, sizeof body);
  return bytes;
}

void put_attribute(std::vector<std::byte>& request, std::uint16_t type, std::span<const std::byte> value) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
  const auto* const bytes = reinterpret_cast<const std::byte*>(&header);
  request.insert(request.end(), bytes, bytes + sizeof header);
  request.insert(request.end(), value.begin(), value.end());
  request.resize(NLMSG_ALIGN(request.size()));
  nlmsghdr whole{};
  std::memcpy(&whole, request.data(), sizeof whole);
  whole.nlmsg_len = static_cast<std::uint32_t>(request.size());
  std::memcpy(request.data(), &whole, sizeof whole);
}

}  // namespace vpn_sentinel
