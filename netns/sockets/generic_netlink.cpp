#include "netns/sockets/generic_netlink.hpp"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

#include "netns/base/clock.hpp"
#include "netns/netlink/decode.hpp"
#include "netns/netlink/patience.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t family_sequence = 1;
constexpr std::uint8_t controller_version = 1;

std::optional<Result<std::uint16_t>> find_family(std::span<const std::byte> datagram, std::string_view name) {
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->sequence != family_sequence) continue;
    if (message->type != NLMSG_ERROR) return decode_family(message->payload);
    const int code = decode_error_code(message->payload).value_or(EPROTO);
    if (code == ENOENT) return fail(Error::Kind::unavailable, fmt::format("this kernel has no generic netlink family '{}'", name));
    return fail(system_error(code, fmt::format("asking for the generic netlink family '{}'", name)));
  }
  return std::nullopt;
}

}  // namespace

Result<NetlinkSocket> open_generic_netlink(const SocketOpener& opener) {
  // The socket differs from a rtnetlink one in its protocol only.
  return open_netlink([&](int domain, int type, int) { return opener(domain, type, NETLINK_GENERIC); }, 0);
}

std::vector<std::byte> generic_request(std::uint16_t family, std::uint8_t command, std::uint8_t version, std::uint16_t flags,
                                       std::uint32_t sequence, std::uint16_t attribute, std::string_view text) {
  const std::string terminated(text);
  std::vector<std::byte> bytes(NLMSG_ALIGN(sizeof(nlmsghdr) + sizeof(genlmsghdr) + sizeof(nlattr) + terminated.size() + 1));
  auto* header = mnl_nlmsg_put_header(bytes.data());
  header->nlmsg_type = family;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header->nlmsg_seq = sequence;
  *static_cast<genlmsghdr*>(mnl_nlmsg_put_extra_header(header, sizeof(genlmsghdr))) = {command, version, 0};
  mnl_attr_put_strz(header, attribute, terminated.c_str());
  bytes.resize(header->nlmsg_len);
  return bytes;
}

Result<std::uint16_t> decode_family(std::span<const std::byte> payload) {
  const auto header = take_header<genlmsghdr>(payload);
  if (!header || header->cmd != CTRL_CMD_NEWFAMILY)
    return fail(Error::Kind::invalid, "the message does not describe a generic netlink family");
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type != CTRL_ATTR_FAMILY_ID) continue;
    if (const auto number = attribute->as<std::uint16_t>()) return *number;
  }
  return fail(Error::Kind::invalid, "the generic netlink family has no number");
}

Result<std::uint16_t> resolve_family(const NetlinkSocket& socket, std::string_view name) {
  const auto request =
      generic_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, controller_version, 0, family_sequence, CTRL_ATTR_FAMILY_NAME, name);
  if (auto sent = send_netlink(socket.fd.get(), request); !sent) return fail(sent.error());
  std::array<std::byte, netlink_datagram_size> buffer;
  std::optional<Result<std::uint16_t>> family;
  const auto done = receive_answer(socket.fd.get(), buffer, mono_now() + kernel_patience, "asking for a generic netlink family",
                                   [&](std::span<const std::byte> datagram) {
                                     family = find_family(datagram, name);
                                     return family.has_value();
                                   });
  if (!done) return fail(done.error());
  return *family;
}

}  // namespace vpn_sentinel
