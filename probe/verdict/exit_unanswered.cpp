// When a danger of the exit has not ended, although nothing shows it any more: nobody has shown that it ended either.
#include <algorithm>
#include <array>

#include "probe/verdict/exit_findings.hpp"
#include "probe/verdict/exit_words.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// Whether one of `addresses` is of this family.
bool is_known(const std::vector<IpAddress>& addresses, Family family) {
  return std::ranges::any_of(addresses, [&](const IpAddress& address) { return address.family() == family; });
}

/// Fewer voices than a quorum end no danger that more of them showed; and what was said by plain HTTP ends only what was so shown.
bool is_outvoted(const json& shown, const ExitOfFamily& exit) {
  const auto accord = accord_of(exit.voices);
  const auto agree = accord ? accord->sources : 0;
  if (agree >= exit.quorum) return false;
  const auto sources = shown.find("sources");
  const auto before = sources != shown.end() && sources->is_number_unsigned() ? sources->get<std::size_t>() : 1;
  return agree < before || (all_plain(exit) && !shown.contains("plain"));
}

/// What the address was found to be cannot be told any more, though it may be so still.
bool lacks_comparison(const Finding& finding, const json& shown, const Observation& seen, Family family) {
  const auto& address = seen.exit->address(family);
  if (!address) return false;
  const auto named = shown.find("address");
  const auto before = named != shown.end() && named->is_string() ? IpAddress::parse(named->get<std::string>()) : fail(Error{});
  const bool is_same = before && before->family() == family && is_same_line(*before, *address);
  const auto& facts = seen.exit->of(family).facts;
  if (finding.code == "exit_unexpected") return is_same && any_unknown(seen.exit_rules.never, *address, facts);
  if (finding.code == "exit_is_hub") {
    const bool unknown = !is_known(seen.hub_addresses, family);
    return unknown && (is_same || seen.hub_addresses.empty());
  }
  const bool awaited = std::ranges::find(seen.uplink.awaited, family) != seen.uplink.awaited.end();
  const bool unknown = !is_known(seen.uplink.addresses, family);
  if (awaited || (unknown && (is_same || seen.uplink.leads_out(family)))) return true;
  // Not the address was the uplink's, but its network.
  const bool no_network = !facts.asn || !seen.exit->in_v4.facts.asn || !seen.uplink.facts.asn;
  return shown.contains("reason") && is_same && no_network;
}

}  // namespace

bool is_of_exit(const Finding& finding) {
  return finding.code == "exit_is_uplink" || finding.code == "exit_is_hub" || finding.code == "exit_unexpected";
}

bool exit_went_unanswered(const Finding& finding, const Observation& seen) {
  if (!is_of_exit(finding) || !seen.tunnel || !seen.tunnel->up) return false;
  if (!seen.exit) return seen.exit_pending.has_value();
  return std::ranges::any_of(std::array{Family::v4, Family::v6}, [&](Family family) {
    const auto shown = finding.evidence.find(key_of(family));
    if (shown == finding.evidence.end() || !shown->is_object()) return false;
    const auto& exit = seen.exit->of(family);
    if (!exit.asked) return false;
    return !exit.settled || exit.voices.empty() || is_outvoted(*shown, exit) || lacks_comparison(finding, *shown, seen, family);
  });
}

}  // namespace vpn_sentinel
