/// What services say about the resolver that asked them: dnscheck.tools (TXT records "resolver: ADDRESS", "clientSubnet: PREFIX", …) and
/// Akamai's whoami.ds.akahelp.net (pairs of strings: "ns" ADDRESS, "ecs" PREFIX). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/clients/dns_message.hpp"
#include "netns/geo/address_facts.hpp"

namespace vpn_sentinel {

struct KnownAddress {
  IpAddress address;
  AddressFacts facts;
  friend bool operator==(const KnownAddress&, const KnownAddress&) = default;
};

struct EgressText {
  std::optional<KnownAddress> resolver;  ///< the address from which the resolver asked; country and organisation where they were told
  std::vector<IpPrefix> subnets;         ///< EDNS client subnets that it sent along
  friend bool operator==(const EgressText&, const EgressText&) = default;
};

/// unavailable: another RCODE than NOERROR, named; invalid: no record tells an address. Unknown records are skipped.
[[nodiscard]] Result<EgressText> read_egress_text(const DnsAnswer& answer);

}  // namespace vpn_sentinel
