/// What a database says about an address.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vpn_sentinel {

struct AddressFacts {
  std::string country;  ///< alpha-2, upper case; empty: unknown
  std::string city;
  std::string region;
  std::string timezone;  ///< IANA name
  std::string organisation;
  std::optional<std::uint32_t> asn;
  friend bool operator==(const AddressFacts&, const AddressFacts&) = default;
};

}  // namespace vpn_sentinel
