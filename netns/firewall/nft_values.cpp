#include "netns/firewall/nft_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vpn_sentinel::nft {
namespace {

std::string_view name_of(const std::string& name) { return name; }
template <typename Thing>
std::string_view name_of(const Thing& thing) {
  return thing.name;
}

template <typename Thing>
std::optional<std::string> difference_of_named(const std::vector<Thing>& wanted, const std::vector<Thing>& found, std::string_view kind) {
  for (const auto& thing : wanted) {
    const auto same_name = [&](const Thing& other) { return name_of(other) == name_of(thing); };
    const auto place = std::find_if(found.begin(), found.end(), same_name);
    if (place == found.end()) return fmt::format("{} '{}' is missing", kind, name_of(thing));
    if (!(*place == thing)) return fmt::format("{} '{}' was changed", kind, name_of(thing));
  }
  if (found.size() > wanted.size()) return fmt::format("there are {} {}s instead of {}", found.size(), kind, wanted.size());
  return std::nullopt;
}

std::vector<const Rule*> rules_of(const Ruleset& ruleset, const std::string& chain) {
  std::vector<const Rule*> rules;
  for (const auto& rule : ruleset.rules) {
    if (rule.chain == chain) rules.push_back(&rule);
  }
  return rules;
}

std::optional<std::string> difference_of_rules(const Ruleset& wanted, const Ruleset& found, const std::string& chain) {
  const auto ours = rules_of(wanted, chain);
  const auto theirs = rules_of(found, chain);
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (!(*ours[i] == *theirs[i])) return fmt::format("rule {} of chain '{}' is not ours", i + 1, chain);
  }
  if (ours.size() == theirs.size()) return std::nullopt;
  return fmt::format("chain '{}' has {} rules instead of {}", chain, theirs.size(), ours.size());
}

}  // namespace

std::string TableName::to_string() const {
  // NFPROTO_* as nft(8) names them.
  constexpr std::array<std::pair<std::uint8_t, std::string_view>, 6> families{
      {{family_inet, "inet"}, {2, "ip"}, {3, "arp"}, {family_netdev, "netdev"}, {7, "bridge"}, {10, "ip6"}}};
  const auto* const known = std::find_if(families.begin(), families.end(), [this](const auto& one) { return one.first == family; });
  if (known == families.end()) return fmt::format("family {} {}", family, name);
  return fmt::format("{} {}", known->second, name);
}

std::optional<std::string> first_difference(const Ruleset& wanted, const Ruleset& found) {
  if (!(wanted.table.name == found.table.name)) return "it is another table";
  // A table can be asleep (dormant): it is there and does nothing.
  constexpr auto ownership = flag_owner | flag_persist;
  if ((wanted.table.flags & ~ownership) != (found.table.flags & ~ownership)) return "the table's flags were changed";
  if (auto difference = difference_of_named(wanted.chains, found.chains, "chain")) return difference;
  if (auto difference = difference_of_named(wanted.sets, found.sets, "set")) return difference;
  if (auto difference = difference_of_named(wanted.counters, found.counters, "counter")) return difference;
  if (auto difference = difference_of_named(wanted.quotas, found.quotas, "quota")) return difference;
  for (const auto& chain : wanted.chains) {
    if (auto difference = difference_of_rules(wanted, found, chain.name)) return difference;
  }
  return std::nullopt;
}

}  // namespace vpn_sentinel::nft
