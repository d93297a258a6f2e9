#include "probe/verdict/exit_rule.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "netns/geo/facts_text.hpp"

namespace vpn_sentinel {

Result<ExitRule> ExitRule::parse(std::string_view text) {
  ExitRule rule;
  rule.country = country_word(text);
  if (!rule.country.empty()) return rule;
  const bool numbered = text.size() > 2 && (text[0] == 'A' || text[0] == 'a') && (text[1] == 'S' || text[1] == 's');
  rule.asn = numbered ? parse_asn(text) : std::nullopt;
  if (rule.asn) return rule;
  if (const auto addresses = IpPrefix::parse(text)) {
    rule.addresses = *addresses;
    return rule;
  }
  return fail(Error::Kind::invalid, "a country such as RO, a network such as AS64500 or addresses such as 198.51.100.0/24");
}

std::string ExitRule::to_string() const {
  if (asn) return fmt::format("AS{}", *asn);
  return addresses ? addresses->to_string() : country;
}

ExitMatch match(const ExitRule& rule, const IpAddress& address, const AddressFacts& facts) {
  const auto known = [](bool there, bool same) { return !there ? ExitMatch::unknown : same ? ExitMatch::yes : ExitMatch::no; };
  if (rule.addresses) return known(true, rule.addresses->contains(address));
  if (rule.asn) return known(facts.asn.has_value(), facts.asn == rule.asn);
  return known(!facts.country.empty(), facts.country == rule.country);
}

bool ExitRules::expects_address(const IpAddress& address) const {
  return std::ranges::any_of(expected, [&](const ExitRule& rule) { return rule.addresses && rule.addresses->contains(address); });
}

const ExitRule* find_match(const std::vector<ExitRule>& rules, const IpAddress& address, const AddressFacts& facts) {
  const auto found = std::ranges::find_if(rules, [&](const ExitRule& rule) { return match(rule, address, facts) == ExitMatch::yes; });
  return found == rules.end() ? nullptr : &*found;
}

bool any_unknown(const std::vector<ExitRule>& rules, const IpAddress& address, const AddressFacts& facts) {
  return std::ranges::any_of(rules, [&](const ExitRule& rule) { return match(rule, address, facts) == ExitMatch::unknown; });
}

}  // namespace vpn_sentinel
