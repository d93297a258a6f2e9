#include "netns/firewall/nft_socket.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "netns/firewall/nft_decode.hpp"

namespace vpn_sentinel::nft {
namespace {

constexpr int send_buffer = 1 << 21;

}  // namespace

Result<Socket> open_nft(const SocketOpener& opener) {
  auto opened = open_netlink([&](int domain, int type, int) { return opener(domain, type, NETLINK_NETFILTER); }, 0);
  if (!opened) {
    if (opened.error().kind != Error::Kind::unavailable) return fail(opened.error());
    return fail(Error::Kind::unavailable, "this kernel has no nf_tables (NETLINK_NETFILTER)");
  }
  Socket socket{std::move(*opened), 0};
  const int on = 1;
  // The system's limit is less than a long batch. Only who has the capability in the first user namespace may go beyond it.
  if (::setsockopt(socket.netlink.fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof send_buffer) != 0) {
    (void)::setsockopt(socket.netlink.fd.get(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  }
  // Both only make the answers shorter and clearer.
  (void)::setsockopt(socket.netlink.fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  (void)::setsockopt(socket.netlink.fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  return socket;
}

std::optional<std::uint32_t> device_index(const Socket& socket, const std::string& name) noexcept {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name) return std::nullopt;
  name.copy(request.ifr_name, name.size());
  if (::ioctl(socket.netlink.fd.get(), SIOCGIFINDEX, &request) != 0) return std::nullopt;
  return static_cast<std::uint32_t>(request.ifr_ifindex);
}

Error nft_error(int code, std::string_view action, std::string_view purpose, std::span<const std::byte> payload, std::uint16_t flags) {
  if (code == EPERM && action.empty()) {
    return {Error::Kind::not_permitted, fmt::format("CAP_NET_ADMIN is needed in the namespace to {}", purpose)};
  }
  if (code == EPERM) {
    return {Error::Kind::not_permitted, fmt::format("{}: another program that still runs owns the table", action)};
  }
  // A batch is refused by the first of them when there is no nf_tables, a question by the second.
  if (action.empty() && (code == EOPNOTSUPP || code == EINVAL)) {
    return {Error::Kind::unavailable, fmt::format("this kernel has no nf_tables, which is needed to {}", purpose)};
  }
  auto error = system_error(code, action.empty() ? "the change of nf_tables" : action);
  if (const auto text = decode_error_text(payload, flags); !text.empty()) error.message += fmt::format(" ({})", text);
  return error;
}

}  // namespace vpn_sentinel::nft
