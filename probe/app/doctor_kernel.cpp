#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "netns/netlink/attribute_cursor.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "netns/sockets/socket_list.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/doctor_netlink.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;

template <typename Body>
nlmsghdr* put_request(std::array<std::byte, 256>& room, std::uint16_t type, std::uint16_t flags, const Body& body) {
  auto* header = mnl_nlmsg_put_header(room.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header->nlmsg_seq = 1;
  *static_cast<Body*>(mnl_nlmsg_put_extra_header(header, sizeof(Body))) = body;
  return header;
}

/// 127.0.0.2 is answered in every namespace without a packet: by 127.0.0.0/8 of table local, or with "no route" while lo is down.
Result<KernelAnswer> ask_route(const SocketOpener& own, unsigned flags, bool with_packet_facts) {
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_dst_len = 32;
  body.rtm_flags = flags;
  alignas(nlmsghdr) std::array<std::byte, 256> room{};
  auto* header = put_request(room, RTM_GETROUTE, 0, body);
  mnl_attr_put_u32(header, RTA_DST, htonl(0x7f000002));
  if (with_packet_facts) {
    mnl_attr_put_u32(header, RTA_UID, 65534);
    mnl_attr_put_u32(header, RTA_MARK, 51820);
    mnl_attr_put_u8(header, RTA_IP_PROTO, IPPROTO_UDP);
    mnl_attr_put_u16(header, RTA_SPORT, htons(40000));
    mnl_attr_put_u16(header, RTA_DPORT, htons(53));
  }
  return ask_kernel(own, {NETLINK_ROUTE, std::span(room).first(header->nlmsg_len), {1}, false, true});
}

bool is_answer(int code) { return code == 0 || code == ENETUNREACH || code == EHOSTUNREACH; }

DoctorLine from_code(const DoctorTopic& topic, const Result<KernelAnswer>& answer, std::string_view good) {
  if (!answer) return doctor_line(kernel_group, topic, status_of(answer.error()), answer.error().message);
  const int code = answer->codes.begin()->second;
  if (is_answer(code)) return doctor_line(kernel_group, topic, Status::ok, std::string(good));
  const auto error = system_error(code, "the kernel answers");
  return doctor_line(kernel_group, topic, status_of(error), error.message);
}

DoctorLine version_line() {
  const DoctorTopic topic{"version", "everything: 5.10 is the oldest kernel that the probe is made for",
                          "later lines tell what this kernel lacks", "a newer kernel"};
  utsname system{};
  if (::uname(&system) != 0) return doctor_line(kernel_group, topic, Status::could_not_look, "uname");
  int major = 0;
  int minor = 0;
  const bool read = std::sscanf(system.release, "%d.%d", &major, &minor) == 2;
  const bool old = read && (major < 5 || (major == 5 && minor < 10));
  return doctor_line(kernel_group, topic, !read ? Status::could_not_look : old ? Status::missing : Status::ok, system.release);
}

DoctorLine look_up_line(const SocketOpener& own) {
  const DoctorTopic topic{"route look-up", "the verdict: where would a packet go (RTM_GETROUTE)", "nothing can be judged",
                          "a seccomp profile that allows AF_NETLINK sockets (RestrictAddressFamilies=AF_NETLINK in a unit)", true};
  auto look_up = RouteLookup::open(own);
  if (!look_up) return doctor_line(kernel_group, topic, status_of(look_up.error()), look_up.error().message);
  const std::array question{RouteQuestion{IpAddress::v4({127, 0, 0, 1}), {}}};
  const auto started = mono_now();
  const auto answer = look_up->look_up(question).front();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(mono_now() - started).count();
  if (!answer) return doctor_line(kernel_group, topic, status_of(answer.error()), answer.error().message);
  return doctor_line(kernel_group, topic, Status::ok, fmt::format("answered in {} µs", took));
}

DoctorLine fib_match_line(const SocketOpener& own) {
  const DoctorTopic topic{"FIB match", "telling which route wins, not only where it leads (RTM_F_FIB_MATCH)",
                          "evidence names the device, but not the route", "Linux 4.13 or newer"};
  const auto answer = ask_route(own, RTM_F_FIB_MATCH, false);
  auto line = from_code(topic, answer, "the kernel tells the matching route");
  if (line.status != Status::ok) return line;
  if (answer->replies.empty()) {
    line.status = Status::could_not_look;
    line.detail = "lo is down in the probe's namespace: there is no route to ask for";
    return line;
  }
  std::span<const std::byte> payload = answer->replies.front().payload;
  const auto header = take_header<rtmsg>(payload);
  // A kernel without it ignores the flag and repeats the destination.
  if (!header || header->rtm_dst_len == 32) {
    line.status = Status::missing;
    line.detail = "the kernel repeats the destination instead of the route";
  }
  return line;
}

DoctorLine strict_line(const SocketOpener& own) {
  const DoctorTopic topic{"strict checking", "dumps that are filtered by the kernel (NETLINK_GET_STRICT_CHK)",
                          "large routing tables are read a fifth slower", "Linux 4.20 or newer"};
  return from_code(topic, ask_route(own, 0, false), "accepted");
}

DoctorLine next_hop_line(const SocketOpener& own) {
  const DoctorTopic topic{"nexthop objects", "routes whose next hop is an object of its own (RTM_GETNEXTHOP)",
                          "nothing: without them no route can use one", "Linux 5.3 or newer"};
  alignas(nlmsghdr) std::array<std::byte, 256> room{};
  const auto* header = put_request(room, RTM_GETNEXTHOP, NLM_F_DUMP, nhmsg{});
  auto line =
      from_code(topic, ask_kernel(own, {NETLINK_ROUTE, std::span(room).first(header->nlmsg_len), {1}, true, false}), "can be listed");
  if (line.status == Status::missing) line.status = Status::not_needed;
  return line;
}

DoctorLine sock_diag_line(const SocketOpener& own) {
  const DoctorTopic topic{"sock_diag", "the server that a VPN program is connected to, and whose control socket it is",
                          "a VPN's server has to be configured (endpoint)", "modprobe tcp_diag udp_diag unix_diag"};
  for (const auto* module : {"inet_diag", "tcp_diag", "udp_diag", "unix_diag"}) {
    if (may_ask(module)) continue;
    const auto status = can_be_loaded(module) ? Status::ok : Status::could_not_look;
    return doctor_line(kernel_group, topic, status,
                       fmt::format("{} is not loaded{}; asking would load it", module,
                                   status == Status::ok ? " and lies ready" : ", and whether it is installed cannot be seen"));
  }
  constexpr std::array<std::uint32_t, 1> nobody{0};
  const auto inet = list_connected_sockets(own, nobody);
  if (!inet) return doctor_line(kernel_group, topic, status_of(inet.error()), inet.error().message);
  const auto files = listens_on_file(own, nobody, SocketFile{});
  if (!files) return doctor_line(kernel_group, topic, status_of(files.error()), files.error().message);
  return doctor_line(kernel_group, topic, Status::ok, "TCP, UDP and Unix sockets can be listed");
}

bool names_wireguard(const KernelReply& reply) {
  std::span<const std::byte> payload = reply.payload;
  if (!take_header<genlmsghdr>(payload)) return false;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == CTRL_ATTR_FAMILY_NAME && attribute->as_string() == WG_GENL_NAME) return true;
  }
  return false;
}

/// All families are listed, because asking for one by name loads its module.
DoctorLine wireguard_line(const SocketOpener& own) {
  const DoctorTopic topic{"WireGuard", "handshake age and server of WireGuard that the kernel runs", "", "modprobe wireguard"};
  alignas(nlmsghdr) std::array<std::byte, 256> room{};
  const auto* header = put_request(room, GENL_ID_CTRL, NLM_F_DUMP, genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0});
  const auto answer = ask_kernel(own, {NETLINK_GENERIC, std::span(room).first(header->nlmsg_len), {1}, true, false});
  auto line = from_code(topic, answer, "the kernel runs it");
  if (line.status != Status::ok || std::ranges::any_of(answer->replies, names_wireguard)) return line;
  const bool ready = can_be_loaded("wireguard");
  line.status = ready ? Status::ok : Status::not_needed;
  line.detail = ready ? "the module lies ready; no interface uses it" : "no interface uses it; programs such as wireguard-go do without";
  return line;
}

DoctorLine ipv6_line() {
  const DoctorTopic topic{"IPv6", "judging IPv6 beside IPv4", "nothing: what is not there cannot leak", ""};
  const Fd socket{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket && errno == EAFNOSUPPORT) return doctor_line(kernel_group, topic, Status::not_needed, "the kernel has none");
  if (!socket) return doctor_line(kernel_group, topic, Status::could_not_look, system_error(errno, "socket").message);
  std::ifstream file("/proc/sys/net/ipv6/conf/all/disable_ipv6");
  char value = '?';
  file >> value;
  return doctor_line(kernel_group, topic, value == '?' ? Status::could_not_look : Status::ok,
                     value == '0'   ? "on in the probe's namespace"
                     : value == '1' ? "switched off in the probe's namespace (disable_ipv6)"
                                    : "disable_ipv6 cannot be read");
}

DoctorLine tun_line() {
  const DoctorTopic topic{"/dev/net/tun", "tunnels that a program runs (OpenVPN, wireguard-go); the probe itself never opens it", "", ""};
  struct stat status {};
  const bool there = ::stat("/dev/net/tun", &status) == 0 && S_ISCHR(status.st_mode);
  return doctor_line(kernel_group, topic, there ? Status::ok : Status::not_needed, there ? "there" : "not there");
}

}  // namespace

std::vector<DoctorLine> kernel_lines(const SocketOpener& own) {
  const DoctorTopic by_packet{"look-up by packet", "routes that differ by user, mark or port (RTA_UID, RTA_MARK, RTA_SPORT, RTA_DPORT)",
                              "rules by user, mark or port are not followed", "Linux 4.19 or newer"};
  return {version_line(),      look_up_line(own),   from_code(by_packet, ask_route(own, 0, true), "user, mark and ports are taken"),
          fib_match_line(own), next_hop_line(own),  strict_line(own),
          sock_diag_line(own), wireguard_line(own), tun_line(),
          ipv6_line()};
}

}  // namespace vpn_sentinel
