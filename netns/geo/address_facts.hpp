/// Where an address is and whose network it belongs to, as far as a database or a service told. For people and for rules that the user
/// wrote: never evidence of a leak by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vpn_sentinel {

struct AddressFacts {
  std::string country;  ///< ISO 3166-1 alpha-2 in capitals; empty: unknown
  std::string city, region, timezone, organisation;
  std::optional<std::uint32_t> asn;
  friend bool operator==(const AddressFacts&, const AddressFacts&) = default;
};

}  // namespace vpn_sentinel
