// Arbitrary bytes as everything that is told about sockets and tunnels: WireGuard's dump and its control protocol, sock_diag, /proc.
// Checked beyond "does not crash": what is accepted keeps the limits, and no message repeats a value, which may be a secret key.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "netns/sockets/generic_netlink.hpp"
#include "netns/sockets/packet_sockets.hpp"
#include "netns/sockets/process_files.hpp"
#include "netns/sockets/socket_destroy.hpp"
#include "netns/sockets/socket_list.hpp"
#include "netns/sockets/socket_table.hpp"
#include "netns/sockets/wireguard_netlink.hpp"
#include "netns/sockets/wireguard_uapi.hpp"

using namespace vpn_sentinel;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void require_sane(const WireGuardDevice& device) {
  require(device.peers.size() <= most_wireguard_peers);
  std::size_t allowed = 0;
  for (const auto& peer : device.peers) {
    require(peer.public_key.size() == 44);
    require(!peer.last_handshake || *peer.last_handshake >= WallTime{});
    allowed += peer.allowed_ips.size();
  }
  require(allowed <= most_allowed_ips);
  if (const auto age = handshake_age(device, WallTime{std::chrono::seconds{1'800'000'000}})) require(age->count() >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  WireGuardDump dump;
  // Twice: the second time every peer goes on.
  for (int times = 0; times < 2 && dump.take(bytes); ++times) require_sane(dump.device());
  if (const auto device = parse_uapi(text, "wg0")) require_sane(*device);
  (void)decode_family(bytes);
  (void)decode_connected_socket(bytes);
  (void)decode_bound_socket(bytes);
  (void)decode_open_connection(bytes, IPPROTO_TCP);
  for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
    const auto entry = decode_socket_entry(bytes, protocol);
    if (!entry) continue;
    require(entry->state <= SocketState::closing);
    require(entry->local.address.family() == entry->remote.address.family() || entry->family == AF_INET6);
    require(!entry->counters || protocol == IPPROTO_TCP);
  }
  (void)decode_listening_file(bytes);
  (void)decode_packet_socket(bytes);
  require(tun_of_fdinfo(text).size() <= size);
  (void)inode_of_socket_link(text);
  return 0;
}
