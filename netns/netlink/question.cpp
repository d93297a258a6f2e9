#include "netns/netlink/question.hpp"

#include <linux/netlink.h>

#include <array>
#include <cerrno>

#include "netns/netlink/decode.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {

Result<int> ask_netlink(int fd, std::span<const std::byte> request, std::uint32_t sequence, MonoTime deadline, std::string_view what,
                        const TakeMessage& take) {
  if (auto sent = send_netlink(fd, request); !sent) return fail(sent.error());
  std::array<std::byte, netlink_datagram_size> buffer;
  int code = 0;
  const auto read = [&](std::span<const std::byte> datagram) -> Result<bool> {
    MessageCursor messages{datagram};
    while (const auto message = messages.next()) {
      if (message->sequence != sequence) continue;
      if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
        code = decode_error_code(message->payload).value_or(EPROTO);
        return true;
      }
      take(*message);
    }
    return false;
  };
  if (auto done = receive_answer(fd, buffer, deadline, what, read); !done) return fail(done.error());
  return code;
}

}  // namespace vpn_sentinel
