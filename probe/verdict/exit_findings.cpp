#include "probe/verdict/exit_findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "probe/verdict/exit_words.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

bool is_among(const IpAddress& address, const std::vector<IpAddress>& others) {
  return std::ranges::any_of(others, [&](const IpAddress& other) { return is_same_line(address, other); });
}

json addresses_json(const std::vector<IpAddress>& addresses) {
  json::array_t list;
  for (const auto& address : addresses) list.push_back(address.to_string());
  return list;
}

/// A host route may have been made by anybody for anything; the other sources name VPN servers.
bool is_vpn_server(const IpAddress& address, const std::vector<EndpointView>& endpoints) {
  return std::ranges::any_of(
      endpoints, [&](const EndpointView& endpoint) { return endpoint.source != "host route" && is_same_line(address, endpoint.address); });
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
    auto hub = share_of(seen_.hub_addresses);
    if (hub == Share::most && is_vpn_server(address_, seen_.endpoints)) {
      // The usual way to host both oneself: one server, one address.
      hub = Share::none;
      add("hub_at_exit", evidence({{"hub", addresses_json(seen_.hub_addresses)}}), Severity::information);
    }
    if (uplink == Share::most) {
      judge_uplink(add);
    } else if (hub == Share::most && !seen_.exit_rules.expects_address(address_)) {
      judge_exposure("exit_is_hub", "hub", seen_.hub_addresses, add);
    } else {
      judge_network(add);
      judge_neighbourhood(add);
    }
    judge_disagreement(uplink == Share::some || hub == Share::some, add);
    if (!exit_.settled) return;
    judge_quorum(add);
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
    if (all_plain(exit_)) more["plain"] = true;
    return more;
  }

  template <typename Add>
  void judge_uplink(const Add& add) const {
    // Then "uplink" means something else: this network itself is behind the VPN, and nobody here can see its real address.
    const auto not_compared = [&](const std::string& why) {
      add("exit_not_compared", evidence({{"error", why}, {"uplink", addresses_json(seen_.uplink.addresses)}}), Severity::warning);
    };
    if (const auto& tunnel = seen_.uplink.tunnel_of(family_); !tunnel.empty()) {
      return not_compared(fmt::format(
          "the probe's own way out goes by the tunnel {} and shows the same address, so the uplink's own is not known", tunnel));
    }
    if (seen_.uplink_by_target) {
      return not_compared(
          "the probe's own way out goes through the watched namespace and shows the same address, so the uplink's own is "
          "not known");
    }
    if (seen_.exit_rules.expects_address(address_)) {
      return not_compared("the way out without the tunnel shows the exit that is expected, so the uplink's own address is not known");
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
    if (family_ != Family::v6 || !exit_.settled || !v4 || !v6 || !uplink || hides_uplink()) return;
    if (*v6 != *uplink || *v6 == *v4 || seen_.exit_rules.expects_address(address_)) return;
    add("exit_is_uplink", evidence({{"reason", "IP6_UPLINK_ASN"}, {"asn", *v6}, {"v4_asn", *v4}}), Severity::danger);
  }

  /// Behind a provider's shared addresses (CGNAT) each flow may show another one of a /24: such an exit is no proof of a leak, and none of
  /// a VPN. Whoever named it knows it.
  template <typename Add>
  void judge_neighbourhood(const Add& add) const {
    const auto is_near = [&](const IpAddress& uplink) { return is_same_exit(uplink, address_) && !is_same_line(uplink, address_); };
    if (hides_uplink() || std::ranges::none_of(seen_.uplink.addresses, is_near)) return;
    const bool wanted = seen_.exit_rules.expects_address(address_);
    add("exit_near_uplink", evidence({{"uplink", addresses_json(seen_.uplink.addresses)}}),
        wanted ? Severity::information : Severity::warning);
  }

  /// The address that the probe sees outside is not the uplink's own.
  [[nodiscard]] bool hides_uplink() const { return seen_.uplink_by_target || !seen_.uplink.tunnel_of(family_).empty(); }

  /// One voice may err or lie, and what is told by plain HTTP anybody on the way may have said. That voices differ is said elsewhere.
  template <typename Add>
  void judge_quorum(const Add& add) const {
    if (exit_.voices.empty() || exit_.voices.size() >= exit_.quorum) return;
    const auto why = fmt::format("only {} of {} services that were to agree told an address{}: {}", exit_.voices.size(), exit_.quorum,
                                 all_plain(exit_) ? ", by plain HTTP" : "", source_names());
    add("exit_few_sources", evidence({{"error", why}}), all_plain(exit_) ? Severity::warning : Severity::information);
  }

  /// Never resolved silently: whose word counts is said, and with whom it is at odds.
  template <typename Add>
  void judge_disagreement(bool dangerous, const Add& add) const {
    if (exit_.voices.size() <= sources_ && !dangerous) return;
    json::array_t answers;
    for (const auto& voice : exit_.voices) answers.emplace_back(fmt::format("{} by {}", voice.address.to_string(), voice.source));
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
    add("exit_not_located", found(json::object()), Severity::information);
  }

  const Observation& seen_;
  const ExitOfFamily& exit_;
  Family family_;
  IpAddress address_;
  std::size_t sources_ = 1;
};

/// This family's services were asked and none answered, while the other's did; else the whole exit is exit_unverifiable.
bool went_silent(const Observation& seen, Family family) {
  const auto& exit = seen.exit->of(family);
  const bool other = seen.exit->v4 || seen.exit->v6;
  const bool is_routed = std::ranges::any_of(seen.look_ups, [&](const LookUp& look_up) {
    return look_up.destination.family() == family && look_up.way && look_up.way->kind == Way::Kind::tunnel;
  });
  return other && exit.asked && exit.settled && exit.voices.empty() && is_routed;
}

std::string reason_of(const ExitOfFamily& exit) { return exit.silences.empty() ? "no service answered" : exit.silences.back().reason; }

/// Many tunnels route IPv6 without having any.
Severity severity_of_silence(const Observation& seen, Family family) {
  return family == Family::v4 || seen.exit->in_v6.answered_before ? Severity::warning : Severity::information;
}

/// Those whose exit is known and whose uplink has not been for too long.
json::array_t uncompared_families(const Observation& seen) {
  json::array_t families;
  for (const auto family : {Family::v4, Family::v6}) {
    const bool overdue = std::ranges::find(seen.uplink.overdue, family) != seen.uplink.overdue.end();
    if (overdue && seen.exit->address(family)) families.emplace_back(key_of(family));
  }
  return families;
}

}  // namespace

std::vector<Finding> judge_exit(const Observation& seen) {
  std::vector<Finding> findings;
  if (!seen.exit) return findings;
  for (const auto family : {Family::v4, Family::v6}) {
    const auto add = [&](std::string_view code, json evidence, Severity severity) {
      auto finding = std::ranges::find(findings, code, &Finding::code);
      if (finding == findings.end()) {
        finding = findings.insert(findings.end(), Finding{std::string(code), severity, seen.time, json::object()});
      }
      finding->severity = std::max(finding->severity, severity);
      // Of two reasons for one code in a family the first is the graver.
      if (!finding->evidence.contains(key_of(family))) finding->evidence[key_of(family)] = std::move(evidence);
    };
    if (seen.exit->address(family)) {
      ExitOfOneFamily(seen, family).judge(add);
    } else if (went_silent(seen, family)) {
      add("exit_family_silent", json{{"error", reason_of(seen.exit->of(family))}}, severity_of_silence(seen, family));
    }
  }
  if (auto unknown = uncompared_families(seen); !unknown.empty()) {
    const auto why = seen.uplink.error.empty() ? std::string("there is no way out without the tunnel") : seen.uplink.error;
    findings.push_back({"uplink_unknown", Severity::information, seen.time, json{{"error", why}, {"families", std::move(unknown)}}});
  }
  return findings;
}

}  // namespace vpn_sentinel
