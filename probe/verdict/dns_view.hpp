/// What is known about the resolver that programs use, as values: input of the judge, of the report and of what people read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

enum class DnsVerdict : std::uint8_t { leak, no_leak, unverifiable };
/// "leak", "no_leak", "unverifiable".
[[nodiscard]] std::string_view to_string(DnsVerdict verdict);

/// Which way the packets to a resolver take.
enum class ResolverWay : std::uint8_t {
  tunnel,
  outside,
  loopback,  ///< a program of this namespace, whose own questions may take any way
  nowhere,   ///< no route
  unknown,   ///< could not look
};
/// "tunnel", "outside", "loopback", "nowhere", "unknown".
[[nodiscard]] std::string_view to_string(ResolverWay way);

struct ResolverView {
  IpAddress address;
  ResolverWay way = ResolverWay::unknown;
  std::string device;     ///< by which the packets leave; empty: none, or not known
  bool upstream = false;  ///< behind a program on loopback, not asked by the programs themselves
  bool asked = false;
  bool answered = false;          ///< with whatever answer
  bool accepted = false;          ///< the settings name this address
  bool stopped = false;           ///< asked, and no question came out of this namespace: its firewall refused, or the device is missing
  bool answered_before = false;   ///< in an earlier round of the same network
  std::vector<IpAddress> egress;  ///< from which it asked itself, by its own answers; of one that programs ask
  friend bool operator==(const ResolverView&, const ResolverView&) = default;
};

/// A name whose addresses are not the same by the tunnel's resolver and by a public one, beyond what content networks do.
struct AnswerDifference {
  std::string name;
  std::string own;      ///< "NXDOMAIN", or addresses
  std::string public_;  ///< the public resolver's
  friend bool operator==(const AnswerDifference&, const AnswerDifference&) = default;
};

struct DnsView {
  DnsVerdict verdict = DnsVerdict::unverifiable;
  std::string reason;               ///< code of the decision table: EGRESS_IS_EXIT, …
  std::vector<std::string> also;    ///< further codes that hold
  std::vector<IpAddress> egress;    ///< from which the resolver asks the Internet
  std::vector<std::string> owners;  ///< of each egress: "Quad9, DE"; empty: not known
  std::vector<ResolverView> resolvers;
  std::string country;  ///< of the first egress, alpha-2; empty: not known
  std::string file;     ///< where the resolvers are named, in words
  std::string stub;     ///< "systemd-resolved", "Docker's engine", "dnsmasq (pid 42)"; empty: no program on loopback
  unsigned asked = 0;   ///< unique names
  unsigned answered = 0;
  std::string error;  ///< why something is not known
  std::vector<AnswerDifference> differences;
};

}  // namespace vpn_sentinel
