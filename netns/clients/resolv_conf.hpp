/// resolv.conf(5) as glibc 2.36 reads it (resolv/res_init.c), and what Docker and systemd-resolved write into its comments. Pure. ldns's
/// own reader is not used: it takes name servers out of comments (reference: bug 237).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// MAXNS of resolv.h: glibc asks no others.
inline constexpr std::size_t most_name_servers = 3;
/// What is read of a file and of its lines; the rest is left out and told by `cut`.
inline constexpr std::size_t longest_resolv_conf = 64UL * 1024;
inline constexpr std::size_t most_resolv_conf_lines = 1024;
/// Of each sort of list below.
inline constexpr std::size_t most_listed_servers = 32;

struct NameServer {
  IpAddress address;
  std::string zone;  ///< "eth0" of "fe80::1%eth0"; empty: none. At most 15 bytes (IFNAMSIZ)
  friend bool operator==(const NameServer&, const NameServer&) = default;
};

/// Who wrote the file, by the words that it leaves in comments.
enum class ResolvConfMaker : std::uint8_t { unknown, systemd_resolved, docker };

/// A server behind Docker's 127.0.0.11: "# ExtServers: [host(192.0.2.1) 198.51.100.53]".
struct ForwardedServer {
  NameServer server;
  bool from_host = false;  ///< host(…): Docker's engine asks it from the host's network namespace, not from the container's
  friend bool operator==(const ForwardedServer&, const ForwardedServer&) = default;
};

struct ResolvConf {
  std::vector<NameServer> servers;   ///< in order, at most most_name_servers; empty: glibc asks 127.0.0.1
  std::vector<NameServer> not_used;  ///< further "nameserver" lines, which glibc never asks
  std::vector<std::string> search;   ///< "search" or "domain", the last line of either counts
  std::chrono::seconds timeout{5};   ///< for each server; at most 30
  int attempts = 2;                  ///< at most 5
  int ndots = 1;                     ///< at most 15
  bool rotate = false;               ///< the servers take turns
  bool use_tcp = false;              ///< use-vc
  bool edns0 = false;
  bool trust_ad = false;
  std::vector<std::string> other_options;  ///< in the words of the file: single-request, no-aaaa, inet6, …
  ResolvConfMaker maker = ResolvConfMaker::unknown;
  std::vector<ForwardedServer> forwarded;  ///< Docker's
  std::string based_on;                    ///< Docker's "# Based on host file: …": the path; empty: not told
  std::vector<std::string> bad_servers;    ///< "nameserver" lines whose address is none, in the words of the file, cut to 64 bytes
  bool cut = false;                        ///< the file is longer than what is read
  friend bool operator==(const ResolvConf&, const ResolvConf&) = default;

  [[nodiscard]] bool has_host_forward() const noexcept;
};

/// Never fails: glibc skips what it does not understand, and so does this. A comment begins with '#' or ';' in the first column only.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

/// "192.0.2.1", "2001:db8::1", "fe80::1%eth0". Absent: no address.
[[nodiscard]] std::optional<NameServer> parse_name_server(std::string_view text);

}  // namespace vpn_sentinel
