/// Does the DNS of the programs leak? The decision table of dns-and-exit.md, section 4.3: rows 0 and 5 to 21 (rows 1 to 4 are about the
/// address itself). Pure.
///
/// Order of trust: the interface by which a packet leaves, an address that equals the uplink's or the exit's, the network (ASN), EDNS
/// client subnet. Country and site of an anycast resolver alone are never a leak, and never a proof: row 17 of that table (the exit's
/// country, not the uplink's) is a note here, because owner and country are what the asked zone says of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "probe/checks/egress_answers.hpp"
#include "probe/verdict/dns_view.hpp"

namespace vpn_sentinel {

/// Resolvers that the user wants, wherever they are.
struct DnsAcceptance {
  std::vector<std::string> countries;  ///< alpha-2, upper case
  std::vector<std::uint32_t> asns;
  std::vector<IpPrefix> networks;
  friend bool operator==(const DnsAcceptance&, const DnsAcceptance&) = default;
};
/// Adds "RO", "AS64500" or "198.51.100.0/24". The Error names what is none of them.
[[nodiscard]] Result<void> add_acceptance(std::string_view text, DnsAcceptance& accepted);

/// Of systemd-resolved: where it sends a name that no domain claims.
struct StubLinkFacts {
  unsigned links = 0;       ///< all get the question, the first answer wins
  unsigned off_tunnel = 0;  ///< of these
};

/// What may be unknown is empty or absent, and then no row that needs it applies.
struct DnsFacts {
  std::vector<KnownAddress> exits;               ///< of the tunnel, by family
  std::vector<KnownAddress> uplinks;             ///< of the line without the tunnel, as the Internet sees it
  std::vector<KnownAddress> egress;              ///< from which the resolver asks
  std::vector<IpPrefix> subnets;                 ///< EDNS client subnets
  std::optional<IpAddress> whoami;               ///< by which address port 53 leaves to a public server (CH whoami.cloudflare)
  std::optional<std::uint64_t> packets_outside;  ///< to ports 53 and 853, not by the tunnel, while the names were asked
  std::vector<ResolverView> resolvers;
  StubLinkFacts stub_links;
  bool host_forward = false;  ///< Docker's engine asks from the host's namespace
  bool by_socket = false;     ///< programs ask a resolver of another namespace by a Unix socket
  bool path_unknown = false;  ///< which resolver programs use could not be read
  unsigned asked = 0;
  unsigned answered = 0;            ///< names whose answer told an address
  bool generation_changed = false;  ///< routes, rules, links or the resolver changed meanwhile
  DnsAcceptance accepted;
};

struct DnsDecision {
  DnsVerdict verdict = DnsVerdict::unverifiable;
  std::string reason;
  std::vector<std::string> also;  ///< further codes that hold, notes among them
  friend bool operator==(const DnsDecision&, const DnsDecision&) = default;
};

[[nodiscard]] DnsDecision decide_dns(const DnsFacts& facts);

/// Whether the address belongs to a resolver that everybody may use: by its ASN, else by the name of its owner.
[[nodiscard]] bool is_public_resolver(const AddressFacts& facts);

}  // namespace vpn_sentinel
