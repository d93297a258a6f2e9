#include "probe/verdict/exit_findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr const char* key_of(Family family) { return family == Family::v4 ? "v4" : "v6"; }

/// Whoever has one IPv6 address of a line has the whole /64.
bool is_same_line(const IpAddress& a, const IpAddress& b) { return a.is_v4() ? a == b : IpPrefix(a, 64).contains(b); }

bool is_among(const IpAddress& address, const std::vector<IpAddress>& others) {
  return std::ranges::any_of(others, [&](const IpAddress& other) { return is_same_line(address, other); });
}

json addresses_json(const std::vector<IpAddress>& addresses) {
  json::array_t list;
  for (const auto& address : addresses) list.push_back(address.to_string());
  return list;
}

/// How many of the voices name one of the addresses that an exit must not be.
enum class Share { none, some, most };

/// The exit of one family.
class ExitOfOneFamily {
 public:
  ExitOfOneFamily(const Observation& seen, Family family) : seen_(seen), exit_(seen.exit->of(family)), family_(family) {
    address_ = *seen.exit->address(family);
    const auto accord = accord_of(exit_.voices);
    sources_ = accord ? accord->sources : 1;
  }

  template <typename Add>
  void judge(const Add& add) const {
    const auto uplink = share_of(seen_.uplink.addresses);
    const auto hub = share_of(seen_.hub_addresses);
    if (uplink == Share::most) {
      judge_uplink(add);
    } else if (hub == Share::most && !seen_.exit_rules.expects_address(address_)) {
      judge_exposure("exit_is_hub", "hub", seen_.hub_addresses, add);
    } else {
      judge_network(add);
    }
    judge_disagreement(uplink == Share::some || hub == Share::some, add);
    if (!exit_.settled) return;
    judge_rules(add);
    if (exit_.changed_from) add("exit_changed", evidence({{"from", exit_.changed_from->to_string()}}), Severity::information);
  }

 private:
  [[nodiscard]] Share share_of(const std::vector<IpAddress>& addresses) const {
    if (exit_.voices.empty()) return is_among(address_, addresses) ? Share::most : Share::none;
    const auto named = std::ranges::count_if(exit_.voices, [&](const ExitVoice& voice) { return is_among(voice.address, addresses); });
    if (named == 0) return Share::none;
    return named * 2 > static_cast<std::ptrdiff_t>(exit_.voices.size()) ? Share::most : Share::some;
  }

  [[nodiscard]] json evidence(json more) const {
    more["address"] = address_.to_string();
    more["sources"] = sources_;
    return more;
  }

  template <typename Add>
  void judge_uplink(const Add& add) const {
    // Then "uplink" means something else: this network itself is behind the VPN, and nobody here can see its real address.
    const auto unverifiable = [&](const std::string& why) {
      add("exit_unverifiable", evidence({{"error", why}, {"uplink", addresses_json(seen_.uplink.addresses)}}), Severity::warning);
    };
    if (!seen_.uplink.own_tunnel.empty()) {
      return unverifiable(
          fmt::format("the probe's own way out goes by the tunnel {} and shows the same address, so the uplink's own is not known",
                      seen_.uplink.own_tunnel));
    }
    if (seen_.exit_rules.expects_address(address_)) {
      return unverifiable("the way out without the tunnel shows the exit that is expected, so the uplink's own address is not known");
    }
    judge_exposure("exit_is_uplink", "uplink", seen_.uplink.addresses, add);
  }

  /// The danger, once it is sure that no other voice is on its way.
  template <typename Add>
  void judge_exposure(std::string_view code, const char* whose, const std::vector<IpAddress>& addresses, const Add& add) const {
    auto found = evidence({{whose, addresses_json(addresses)}});
    if (exit_.settled) return add(code, std::move(found), Severity::danger);
    found["error"] = fmt::format("{} sees the address of the {}; others are being asked", source_names(), whose);
    add("exit_unverifiable", std::move(found), Severity::warning);
  }

  [[nodiscard]] std::string source_names() const {
    std::string names;
    for (const auto& voice : exit_.voices) names += (names.empty() ? "" : ", ") + voice.source;
    return names;
  }

  /// A v4 tunnel beside which IPv6 leaves by the uplink's provider. Only where all three networks are known.
  template <typename Add>
  void judge_network(const Add& add) const {
    const auto& v4 = seen_.exit->in_v4.facts.asn;
    const auto& v6 = seen_.exit->in_v6.facts.asn;
    const auto& uplink = seen_.uplink.facts.asn;
    if (family_ != Family::v6 || !exit_.settled || !v4 || !v6 || !uplink || !seen_.uplink.own_tunnel.empty()) return;
    if (*v6 != *uplink || *v6 == *v4 || seen_.exit_rules.expects_address(address_)) return;
    add("exit_is_uplink", evidence({{"reason", "IP6_UPLINK_ASN"}, {"asn", *v6}, {"v4_asn", *v4}}), Severity::danger);
  }

  /// Never resolved silently: whose word counts is said, and with whom it is at odds.
  template <typename Add>
  void judge_disagreement(bool dangerous, const Add& add) const {
    if (exit_.voices.size() <= sources_ && !dangerous) return;
    json::array_t answers;
    for (const auto& voice : exit_.voices) answers.push_back(json{{"source", voice.source}, {"address", voice.address.to_string()}});
    auto found = evidence({{"answers", std::move(answers)}});
    if (dangerous && !seen_.uplink.addresses.empty()) found["uplink"] = addresses_json(seen_.uplink.addresses);
    if (dangerous && !seen_.hub_addresses.empty()) found["hub"] = addresses_json(seen_.hub_addresses);
    // Two against one decide; but not that the one, who names the uplink, saw nothing.
    const bool decided = sources_ >= 2 && sources_ * 2 > exit_.voices.size();
    if (!decided && !exit_.settled && !dangerous) return;
    add("exit_disagrees", std::move(found), decided && !dangerous ? Severity::information : Severity::warning);
  }

  template <typename Add>
  void judge_rules(const Add& add) const {
    const auto& facts = exit_.facts;
    const auto found = [&](json more) {
      if (!facts.country.empty()) more["country"] = facts.country;
      if (facts.asn) more["asn"] = *facts.asn;
      return evidence(std::move(more));
    };
    if (const auto* const never = find_match(seen_.exit_rules.never, address_, facts)) {
      return add("exit_unexpected", found({{"never", never->to_string()}}), Severity::danger);
    }
    const auto& expected = seen_.exit_rules.expected;
    const bool compared = !any_unknown(seen_.exit_rules.never, address_, facts);
    if (!expected.empty() && find_match(expected, address_, facts) == nullptr) {
      json::array_t names;
      for (const auto& rule : expected) names.push_back(rule.to_string());
      if (!any_unknown(expected, address_, facts)) {
        return add("exit_unexpected", found({{"expected", std::move(names)}}), Severity::warning);
      }
    } else if (compared) {
      return;
    }
    // Geolocation trouble never changes a verdict; it is only said.
    add("exit_unverifiable", found({{"error", "country or network of the exit is not known, so not every rule for it could be compared"}}),
        Severity::information);
  }

  const Observation& seen_;
  const ExitOfFamily& exit_;
  Family family_;
  IpAddress address_;
  std::size_t sources_ = 1;
};

}  // namespace

std::vector<Finding> judge_exit(const Observation& seen) {
  std::vector<Finding> findings;
  if (!seen.exit) return findings;
  for (const auto family : {Family::v4, Family::v6}) {
    if (!seen.exit->address(family)) continue;
    ExitOfOneFamily(seen, family).judge([&](std::string_view code, json evidence, Severity severity) {
      auto finding = std::ranges::find(findings, code, &Finding::code);
      if (finding == findings.end()) {
        finding = findings.insert(findings.end(), Finding{std::string(code), severity, seen.time, json::object()});
      }
      finding->severity = std::max(finding->severity, severity);
      // Of two reasons for one code in a family the first is the graver.
      if (!finding->evidence.contains(key_of(family))) finding->evidence[key_of(family)] = std::move(evidence);
    });
  }
  return findings;
}

bool exit_went_unanswered(const Finding& finding, const Observation& seen) {
  const bool of_exit = finding.code == "exit_is_uplink" || finding.code == "exit_is_hub" || finding.code == "exit_unexpected";
  if (!of_exit || !seen.tunnel || !seen.tunnel->up) return false;
  if (!seen.exit) return seen.exit_pending.has_value();
  return std::ranges::any_of(std::array{Family::v4, Family::v6}, [&](Family family) {
    if (!finding.evidence.contains(key_of(family))) return false;
    const auto& exit = seen.exit->of(family);
    return exit.asked && (!exit.settled || exit.voices.empty());
  });
}

}  // namespace vpn_sentinel
