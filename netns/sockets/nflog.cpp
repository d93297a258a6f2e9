#include "netns/sockets/nflog.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "netns/base/clock.hpp"
#include "netns/netlink/patience.hpp"
#include "netns/netlink/question.hpp"
#include "netns/sockets/netfilter_socket.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t copied_bytes = 128;
constexpr int receive_buffer = 1 << 20;

constexpr std::uint16_t nflog_type(unsigned message) { return static_cast<std::uint16_t>(NFNL_SUBSYS_ULOG << 8U | message); }

template <typename Value>
void put(std::vector<std::byte>& request, std::uint16_t type, const Value& value) {
  put_attribute(request, type, std::as_bytes(std::span(&value, 1)));
}

Error nflog_error(int code, std::uint16_t group) {
  switch (code) {
    // The kernel has one code for both.
    case EPERM:
      return {
          Error::Kind::not_permitted,
          fmt::format("another program listens to the group {} of logged packets, or CAP_NET_ADMIN is missing in the namespace", group)};
    case EBUSY:
      return {Error::Kind::not_permitted, fmt::format("another program listens to the group {} of logged packets", group)};
    case EINVAL:
    case EOPNOTSUPP:
      return {Error::Kind::unavailable, "this kernel cannot tell of logged packets (module nfnetlink_log)"};
    default:
      return system_error(code, fmt::format("listening to the group {} of logged packets", group));
  }
}

Result<void> configure(int fd, std::uint16_t group) {
  const auto ask = [&](std::uint32_t sequence, std::vector<std::byte> request) -> Result<void> {
    const auto code = ask_netlink(fd, request, sequence, mono_now() + kernel_patience, "listening to logged packets",
                                  [](const NetlinkMessage&) { return; });
    if (!code) return fail(code.error());
    if (*code != 0) return fail(nflog_error(*code, group));
    return {};
  };
  auto bind = netfilter_request(nflog_type(NFULNL_MSG_CONFIG), NLM_F_ACK, 1, AF_UNSPEC, group);
  put(bind, NFULA_CFG_CMD, nfulnl_msg_config_cmd{NFULNL_CFG_CMD_BIND});
  if (auto done = ask(1, std::move(bind)); !done) return done;
  auto mode = netfilter_request(nflog_type(NFULNL_MSG_CONFIG), NLM_F_ACK, 2, AF_UNSPEC, group);
  put(mode, NFULA_CFG_MODE, nfulnl_msg_config_mode{htonl(copied_bytes), NFULNL_COPY_PACKET, 0});
  put(mode, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
  // One packet is told at once: who asks what was tried just now must not wait for more of them.
  put(mode, NFULA_CFG_QTHRESH, htonl(1));
  return ask(2, std::move(mode));
}

}  // namespace

Result<NflogListener> NflogListener::open(const SocketOpener& opener, std::uint16_t group) {
  auto socket = open_netfilter(opener, 0);
  if (!socket) return fail(socket.error());
  grow_receive_buffer(socket->fd.get(), receive_buffer);
  if (auto done = configure(socket->fd.get(), group); !done) return fail(done.error());
  return NflogListener{std::move(*socket)};
}

Result<NflogListener::Heard> NflogListener::take(std::size_t most) {
  Heard heard;
  std::array<std::byte, netlink_datagram_size> buffer;
  for (std::size_t i = 0; i < most; ++i) {
    const auto datagram = receive_netlink(socket_.fd.get(), buffer);
    if (datagram.outcome == Datagram::Outcome::empty) break;
    if (datagram.outcome == Datagram::Outcome::failed) return fail(system_error(datagram.code, "listening to logged packets"));
    MessageCursor messages{datagram.bytes};
    while (const auto message = messages.next()) {
      if (message->type != nflog_type(NFULNL_MSG_PACKET)) continue;
      auto packet = decode_logged_packet(message->payload);
      if (!packet) continue;
      if (packet->sequence && last_sequence_) heard.lost += *packet->sequence - *last_sequence_ - 1U;
      if (packet->sequence) last_sequence_ = packet->sequence;
      heard.packets.push_back(std::move(*packet));
    }
  }
  return heard;
}

}  // namespace vpn_sentinel
