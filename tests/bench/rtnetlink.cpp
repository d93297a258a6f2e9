#include "tests/bench/rtnetlink.hpp"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "netns/base/fatal_error.hpp"

namespace vpn_sentinel {
namespace {

constexpr int exit_failed = 70;

/// One message under construction; every request of this file is far shorter than the buffer.
template <typename Payload>
class Builder {
 public:
  Builder(std::uint16_t type, unsigned flags) : header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    payload_ = static_cast<Payload*>(mnl_nlmsg_put_extra_header(header_, sizeof(Payload)));
  }

  Payload& payload() { return *payload_; }
  void put(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(header_, type, value); }
  void put(std::uint16_t type, const IpAddress& address) { mnl_attr_put(header_, type, address.bytes().size(), address.bytes().data()); }

  [[nodiscard]] NetlinkRequest finish() const { return {buffer_.begin(), buffer_.begin() + header_->nlmsg_len}; }

 private:
  alignas(nlmsghdr) std::array<std::byte, 256> buffer_{};
  nlmsghdr* header_;
  Payload* payload_ = nullptr;
};

[[noreturn]] void give_up(const char* what, int code) { throw FatalError(exit_failed, fmt::format("{}: {}", what, std::strerror(code))); }

}  // namespace

NetlinkRequest link_down_request(std::uint32_t link_index) {
  Builder<ifinfomsg> request(RTM_NEWLINK, 0);
  request.payload().ifi_family = AF_UNSPEC;
  request.payload().ifi_index = static_cast<int>(link_index);
  request.payload().ifi_change = IFF_UP;
  return request.finish();
}

NetlinkRequest replace_default_request(const IpAddress& gateway, std::uint32_t link_index, std::uint32_t table) {
  Builder<rtmsg> request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  request.payload().rtm_family = AF_INET;
  request.payload().rtm_table = RT_TABLE_UNSPEC;
  request.payload().rtm_protocol = RTPROT_BOOT;
  request.payload().rtm_scope = RT_SCOPE_UNIVERSE;
  request.payload().rtm_type = RTN_UNICAST;
  request.put(RTA_GATEWAY, gateway);
  request.put(RTA_OIF, link_index);
  request.put(RTA_TABLE, table);
  return request.finish();
}

NetlinkRequest delete_rule_request(std::uint32_t mark, std::uint32_t table, std::uint32_t priority) {
  Builder<fib_rule_hdr> request(RTM_DELRULE, 0);
  request.payload().family = AF_INET;
  request.payload().action = FR_ACT_TO_TBL;
  request.payload().flags = FIB_RULE_INVERT;
  request.put(FRA_FWMARK, mark);
  request.put(FRA_TABLE, table);
  request.put(FRA_PRIORITY, priority);
  return request.finish();
}

NetlinkRequest delete_address_request(const IpAddress& address, std::uint8_t length, std::uint32_t link_index) {
  Builder<ifaddrmsg> request(RTM_DELADDR, 0);
  request.payload().ifa_family = AF_INET;
  request.payload().ifa_prefixlen = length;
  request.payload().ifa_index = link_index;
  request.put(IFA_LOCAL, address);
  return request.finish();
}

RtnetlinkSocket::RtnetlinkSocket() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (!fd_) give_up("netlink socket", errno);
}

MonoTime RtnetlinkSocket::carry_out(const NetlinkRequest& request) const {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto before = mono_now();
  const auto sent = ::sendto(fd_.get(), request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0) give_up("breaking request", errno);
  alignas(nlmsghdr) std::array<std::byte, 1024> reply;
  // rtnetlink carries a request out inside sendto, so the acknowledgement is waiting already.
  const auto size = ::recv(fd_.get(), reply.data(), reply.size(), MSG_DONTWAIT);
  if (size < 0) give_up("acknowledgement of the breaking request", errno);
  const auto* const header = reinterpret_cast<const nlmsghdr*>(reply.data());
  if (mnl_nlmsg_ok(header, static_cast<int>(size)) == 0 || header->nlmsg_type != NLMSG_ERROR) give_up("acknowledgement", EPROTO);
  const auto* const answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
  if (answer->error != 0) give_up("the kernel refused the breaking request", -answer->error);
  return before;
}

}  // namespace vpn_sentinel
