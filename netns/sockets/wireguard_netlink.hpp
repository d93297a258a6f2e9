/// WireGuard interfaces that the kernel runs, by generic netlink: the comment at the top of linux/wireguard.h is the specification.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/sockets/wireguard.hpp"

namespace vpn_sentinel {

/// Puts the messages of one WG_CMD_GET_DEVICE dump together. Pure. A peer whose allowed addresses do not fit goes on in the next message,
/// where it has its key and more addresses only. Keys other than public ones are skipped without being looked at.
class WireGuardDump {
 public:
  /// `payload` is what follows struct nlmsghdr. invalid: not such a message, or a peer without a key; overrun: more than the limits.
  [[nodiscard]] Result<void> take(std::span<const std::byte> payload);
  [[nodiscard]] const WireGuardDevice& device() const noexcept { return device_; }

 private:
  [[nodiscard]] Result<void> take_peers(std::span<const std::byte> peers);
  [[nodiscard]] Result<void> take_peer(std::span<const std::byte> attributes);
  [[nodiscard]] Result<void> take_allowed_ips(std::span<const std::byte> list, WireGuardPeer& peer);

  WireGuardDevice device_;
  std::size_t allowed_ips_ = 0;
};

/// Asks the kernel for interface `name` in the namespace of `opener`. unavailable: this kernel has no WireGuard; not_found: no such
/// interface; not_permitted: CAP_NET_ADMIN in that namespace is missing; invalid: the interface is not the kernel's WireGuard. Blocks, at
/// most two seconds: usually less than a millisecond. The buffer, which held the private key, is wiped.
[[nodiscard]] Result<WireGuardDevice> read_kernel_wireguard(const SocketOpener& opener, const std::string& name);

}  // namespace vpn_sentinel
