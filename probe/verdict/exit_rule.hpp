/// Where the user wants his exit to be, or never to be. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/geo/address_facts.hpp"

namespace vpn_sentinel {

/// One of the three: a country, a network by number, or addresses.
struct ExitRule {
  std::string country;  ///< alpha-2 in capitals; empty: not by country
  std::optional<std::uint32_t> asn;
  std::optional<IpPrefix> addresses;

  /// "RO", "AS64500", "198.51.100.0/24" or one address; the Error says what was expected.
  [[nodiscard]] static Result<ExitRule> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const ExitRule&, const ExitRule&) = default;
};

/// unknown: the country or network of the address is not known, so that nobody can say.
enum class ExitMatch : std::uint8_t { yes, no, unknown };
[[nodiscard]] ExitMatch match(const ExitRule& rule, const IpAddress& address, const AddressFacts& facts);

struct ExitRules {
  std::vector<ExitRule> expected;  ///< empty: any exit
  std::vector<ExitRule> never;

  /// The user named the address itself, or its subnet, as his exit's.
  [[nodiscard]] bool expects_address(const IpAddress& address) const;
  friend bool operator==(const ExitRules&, const ExitRules&) = default;
};

/// The rule among `rules` that matches, else null.
[[nodiscard]] const ExitRule* find_match(const std::vector<ExitRule>& rules, const IpAddress& address, const AddressFacts& facts);
/// True when one of `rules` cannot be compared for want of facts.
[[nodiscard]] bool any_unknown(const std::vector<ExitRule>& rules, const IpAddress& address, const AddressFacts& facts);

}  // namespace vpn_sentinel
