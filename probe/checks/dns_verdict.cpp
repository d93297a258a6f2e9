#include "probe/checks/dns_verdict.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "probe/verdict/exit_rule.hpp"
#include "probe/verdict/exit_view.hpp"

namespace vpn_sentinel {
namespace {

/// Cloudflare, Google, Quad9 (two), OpenDNS, AdGuard, NextDNS.
constexpr std::array<std::uint32_t, 7> public_asns{13335, 15169, 19281, 42, 36692, 212772, 34939};
/// How the same call themselves in registries.
constexpr std::array<std::string_view, 7> public_owners{"cloudflare", "google", "quad9", "cisco opendns", "opendns", "adguard", "nextdns"};

/// Shorter subnets stand for half a country and more.
constexpr unsigned shortest_subnet_v4 = 16;
constexpr unsigned shortest_subnet_v6 = 32;

bool is_same_host(const IpAddress& a, const IpAddress& b) {
  // Privacy extensions and NAT give one line many IPv6 addresses.
  return a == b || (!a.is_v4() && !b.is_v4() && IpPrefix(a, 64).contains(b));
}

class Table {
 public:
  explicit Table(const DnsFacts& facts) : facts_(facts) {}

  DnsDecision run() {
    if (facts_.generation_changed) return made(DnsVerdict::unverifiable, "U_GENERATION");
    if (facts_.exits.empty()) notes_.emplace_back("U_NO_EXIT");
    collect_leaks();
    if (!leaks_.empty()) {
      auto decision = made(DnsVerdict::leak, leaks_.front());
      decision.also.insert(decision.also.begin(), leaks_.begin() + 1, leaks_.end());
      return decision;
    }
    if (facts_.path_unknown) return made(DnsVerdict::unverifiable, "U_RESOLVER_UNKNOWN");
    if (facts_.egress.empty() || facts_.answered == 0) return made(DnsVerdict::unverifiable, "U_NO_EGRESS_ANSWER");
    auto decision = judge_egress();
    if (decision.verdict != DnsVerdict::no_leak) return decision;
    // The names went another way than the questions of programs.
    if (facts_.by_socket) return doubted(std::move(decision), "U_RESOLVER_BY_SOCKET");
    if (silent_outside_) return doubted(std::move(decision), "U_OUTSIDE_SILENT");
    if (!every_server_is_proved()) return doubted(std::move(decision), "U_SERVER_UNPROVED");
    if (facts_.answered * 2 < facts_.asked) return doubted(std::move(decision), "U_TOO_FEW_ANSWERS");
    return decision;
  }

 private:
  [[nodiscard]] DnsDecision made(DnsVerdict verdict, std::string_view reason) const {
    DnsDecision decision{verdict, std::string(reason), notes_};
    std::erase(decision.also, decision.reason);
    return decision;
  }

  static DnsDecision doubted(DnsDecision decision, std::string_view why) {
    decision.also.insert(decision.also.begin(), std::move(decision.reason));
    decision.reason = why;
    decision.verdict = DnsVerdict::unverifiable;
    return decision;
  }

  // What leaks: rows 6 to 12.

  void collect_leaks() {
    const auto any_egress = [&](bool (Table::*is)(const KnownAddress&) const) {
      return std::ranges::any_of(facts_.egress, [&](const KnownAddress& e) { return !is_accepted_network(e.address) && (this->*is)(e); });
    };
    if (any_egress(&Table::is_uplink)) leaks_.emplace_back("EGRESS_IS_UPLINK");
    if (any_egress(&Table::is_uplink_provider)) leaks_.emplace_back("EGRESS_IS_UPLINK_ISP");
    if (std::ranges::any_of(facts_.subnets, [&](const IpPrefix& subnet) { return shows_uplink(subnet); }))
      leaks_.emplace_back("ECS_SHOWS_UPLINK");
    if (facts_.whoami && is_uplink_address(*facts_.whoami) && !exit_is_uplink()) leaks_.emplace_back("CH_WHOAMI_IS_UPLINK");
    if (facts_.packets_outside.value_or(0) > 0) leaks_.emplace_back("DNS_PKTS_OUTSIDE_TUNNEL");
    // More exact than what it has in common with row 11, thus first.
    if (facts_.stub_links.links > 1 && facts_.stub_links.off_tunnel > 0 && some_resolver_answers()) leaks_.emplace_back("STUB_MULTI_LINK");
    judge_resolvers();
  }

  void judge_resolvers() {
    bool leaks = facts_.stub_links.off_tunnel > 0 && facts_.stub_links.links == 1 && some_resolver_answers();
    bool unanswered = false;
    for (const auto& resolver : facts_.resolvers) {
      if (resolver.way != ResolverWay::outside || resolver.accepted) continue;
      // Those that were not asked are asked by programs as soon as the ones before them are slow.
      const bool used = resolver.answered || resolver.answered_before || (!resolver.asked && some_resolver_answers());
      leaks = leaks || used;
      unanswered = unanswered || !used;
      // The names were sent there; that nothing came back says nothing about who has read them.
      silent_outside_ = silent_outside_ || (!used && resolver.asked && !resolver.stopped);
    }
    if (leaks) leaks_.emplace_back("RESOLVER_ROUTE_OUTSIDE_TUNNEL");
    if (unanswered) notes_.emplace_back("RESOLVER_OUTSIDE_UNANSWERED");
  }

  [[nodiscard]] bool some_resolver_answers() const {
    return facts_.answered > 0 || std::ranges::any_of(facts_.resolvers, &ResolverView::answered);
  }
  [[nodiscard]] bool is_uplink_address(const IpAddress& address) const {
    return std::ranges::any_of(facts_.uplinks, [&](const KnownAddress& uplink) { return is_same_host(uplink.address, address); });
  }
  /// An uplink that is the exit, too, tells no leak from an answer as it should be.
  [[nodiscard]] bool is_uplink(const KnownAddress& egress) const {
    return is_uplink_address(egress.address) &&
           std::ranges::none_of(facts_.exits, [&](const KnownAddress& exit) { return is_same_host(exit.address, egress.address); });
  }
  /// Such an exit proves nothing about whoever asks from it.
  [[nodiscard]] bool exit_is_uplink() const {
    return std::ranges::any_of(facts_.exits, [&](const KnownAddress& exit) { return is_uplink_address(exit.address); });
  }
  [[nodiscard]] bool is_uplink_provider(const KnownAddress& egress) const {
    if (!egress.facts.asn || is_public_resolver(egress.facts) || is_accepted(egress)) return false;
    if (!has_asn(facts_.uplinks, *egress.facts.asn)) return false;
    // Only a difference tells: an exit whose network is not known may be of the same one.
    const bool exits_known =
        !facts_.exits.empty() && std::ranges::all_of(facts_.exits, [](const auto& exit) { return exit.facts.asn.has_value(); });
    return exits_known && !has_asn(facts_.exits, *egress.facts.asn);
  }
  [[nodiscard]] bool shows_uplink(const IpPrefix& subnet) const {
    const auto shortest = subnet.address().is_v4() ? shortest_subnet_v4 : shortest_subnet_v6;
    if (subnet.length() < shortest) return false;
    const auto covers = [&](const KnownAddress& item) { return subnet.contains(item.address); };
    return std::ranges::any_of(facts_.uplinks, covers) && std::ranges::none_of(facts_.exits, covers);
  }

  static bool has_asn(const std::vector<KnownAddress>& addresses, std::uint32_t asn) {
    return std::ranges::any_of(addresses, [asn](const KnownAddress& item) { return item.facts.asn == asn; });
  }

  // Where the resolver stands: rows 14 to 20.

  [[nodiscard]] DnsDecision judge_egress() const {
    const auto all = [&](auto is) { return std::ranges::all_of(facts_.egress, is); };
    const auto at_exit = [&](const KnownAddress& e) { return is_exit_network(e); };
    const auto wanted = [&](const KnownAddress& e) { return is_exit_network(e) || is_accepted(e); };
    const auto known = [&](const KnownAddress& e) { return wanted(e) || is_public_resolver(e.facts); };
    if (all(at_exit)) return made(DnsVerdict::no_leak, "EGRESS_IS_EXIT");
    if (all(wanted)) return made(DnsVerdict::no_leak, "EGRESS_ACCEPTED");
    if (facts_.host_forward) return made(DnsVerdict::unverifiable, "U_DOCKER_HOST_FORWARD");
    const auto same_country = countries_match();
    if (all(known)) {
      if (way_is_proved()) {
        auto decision = made(DnsVerdict::no_leak, "PUBLIC_RESOLVER_VIA_TUNNEL");
        if (same_country == false) decision.also.emplace_back("INFO_COLO_DIFFERS");
        return decision;
      }
      auto decision = made(DnsVerdict::unverifiable, exit_is_uplink() ? "U_EXIT_IS_UPLINK" : "U_ANYCAST_NO_LOCAL_PROOF");
      if (same_country == true && uplink_is_elsewhere()) decision.also.emplace_back("WEAK_GEO_MATCH");
      return decision;
    }
    if (same_country == true && way_is_proved()) return made(DnsVerdict::no_leak, "THIRD_PARTY_SAME_CC_VIA_TUNNEL");
    return made(DnsVerdict::unverifiable, facts_.exits.empty() ? "U_NO_EXIT"
                                          : exit_is_uplink()   ? "U_EXIT_IS_UPLINK"
                                                               : "U_UNKNOWN_RESOLVER_NET");
  }

  /// The exit's own address always counts. The same network counts only where the uplink is known to be in another one, or where the routes
  /// of all servers say so; never where the engine of Docker asks from the host, which has an uplink of its own.
  [[nodiscard]] bool is_exit_network(const KnownAddress& egress) const {
    return std::ranges::any_of(facts_.exits, [&](const KnownAddress& exit) {
      if (is_uplink_address(exit.address)) return false;
      if (exit.address == egress.address) return true;
      if (facts_.host_forward) return false;
      if (is_same_exit(exit.address, egress.address)) return uplink_is_not_near(exit.address);
      const bool same_asn = exit.facts.asn && exit.facts.asn == egress.facts.asn && !is_public_resolver(egress.facts);
      return same_asn && uplink_is_not_of(*exit.facts.asn);
    });
  }
  [[nodiscard]] bool uplink_is_not_near(const IpAddress& exit) const {
    const auto is_near = [&](const KnownAddress& uplink) { return is_same_exit(uplink.address, exit); };
    const auto is_comparable = [&](const KnownAddress& uplink) { return uplink.address.family() == exit.family(); };
    return std::ranges::none_of(facts_.uplinks, is_near) && (std::ranges::any_of(facts_.uplinks, is_comparable) || routes_are_by_tunnel());
  }
  [[nodiscard]] bool uplink_is_not_of(std::uint32_t asn) const {
    const auto has_network = [](const KnownAddress& uplink) { return uplink.facts.asn.has_value(); };
    return !has_asn(facts_.uplinks, asn) && (std::ranges::any_of(facts_.uplinks, has_network) || routes_are_by_tunnel());
  }
  [[nodiscard]] bool routes_are_by_tunnel() const {
    const auto is_by_tunnel = [](const ResolverView& resolver) { return resolver.way == ResolverWay::tunnel; };
    return !facts_.resolvers.empty() && std::ranges::all_of(facts_.resolvers, is_by_tunnel);
  }

  /// Programs ask any server of resolv.conf: what one of them told says nothing about the others.
  [[nodiscard]] bool every_server_is_proved() const {
    return std::ranges::all_of(facts_.resolvers, [&](const ResolverView& resolver) { return resolver.upstream || is_proved(resolver); });
  }
  [[nodiscard]] bool is_proved(const ResolverView& server) const {
    if (server.accepted || server.way == ResolverWay::tunnel || server.way == ResolverWay::nowhere) return true;
    if (server.way == ResolverWay::outside && server.stopped) return true;
    if (server.way == ResolverWay::loopback && facts_.packets_outside) return true;  // none: they would be a leak
    const auto is_wanted = [&](const IpAddress& address) {
      const auto known = std::ranges::find(facts_.egress, address, &KnownAddress::address);
      return known != facts_.egress.end() && (is_exit_network(*known) || is_accepted(*known));
    };
    return !server.egress.empty() && std::ranges::all_of(server.egress, is_wanted);
  }

  [[nodiscard]] bool is_accepted_network(const IpAddress& address) const {
    return std::ranges::any_of(facts_.accepted.networks, [&](const IpPrefix& network) { return network.contains(address); });
  }
  [[nodiscard]] bool is_accepted(const KnownAddress& egress) const {
    const auto& accepted = facts_.accepted;
    return is_accepted_network(egress.address) ||
           (egress.facts.asn && std::ranges::find(accepted.asns, *egress.facts.asn) != accepted.asns.end()) ||
           std::ranges::find(accepted.countries, egress.facts.country) != accepted.countries.end();
  }

  /// Local evidence that the questions went by the tunnel: packets were counted, or every resolver is behind the tunnel by its route and
  /// port 53 is not turned elsewhere on the way (a public server saw the exit's address). A program on loopback needs the counters.
  [[nodiscard]] bool way_is_proved() const {
    if (facts_.resolvers.empty()) return false;
    const auto goes = [&](std::initializer_list<ResolverWay> ways) {
      return std::ranges::all_of(facts_.resolvers, [&](const ResolverView& resolver) {
        return std::ranges::find(ways, resolver.way) != ways.end() || resolver.accepted;
      });
    };
    if (facts_.packets_outside) return goes({ResolverWay::tunnel, ResolverWay::loopback});
    return goes({ResolverWay::tunnel}) && whoami_is_exit();
  }
  [[nodiscard]] bool whoami_is_exit() const {
    return facts_.whoami && !is_uplink_address(*facts_.whoami) &&
           std::ranges::any_of(facts_.exits, [&](const KnownAddress& exit) { return exit.address == *facts_.whoami; });
  }

  /// Absent: the country of some egress or of the exit is not known.
  [[nodiscard]] std::optional<bool> countries_match() const {
    const auto country = exit_country();
    if (country.empty()) return std::nullopt;
    bool same = true;
    for (const auto& egress : facts_.egress) {
      if (is_exit_network(egress)) continue;
      if (egress.facts.country.empty()) return std::nullopt;
      same = same && egress.facts.country == country;
    }
    return same;
  }
  [[nodiscard]] std::string exit_country() const {
    std::string country;
    for (const auto& exit : facts_.exits) {
      if (exit.facts.country.empty() || (!country.empty() && country != exit.facts.country)) return {};
      country = exit.facts.country;
    }
    return country;
  }
  [[nodiscard]] bool uplink_is_elsewhere() const {
    const auto country = exit_country();
    return !facts_.uplinks.empty() && std::ranges::all_of(facts_.uplinks, [&](const KnownAddress& uplink) {
      return !uplink.facts.country.empty() && uplink.facts.country != country;
    });
  }

  const DnsFacts& facts_;
  std::vector<std::string> leaks_;
  bool silent_outside_ = false;
  std::vector<std::string> notes_;
};

}  // namespace

Result<void> add_acceptance(std::string_view text, DnsAcceptance& accepted) {
  const auto rule = ExitRule::parse(text);
  if (!rule) return fail(rule.error());
  if (rule->addresses) {
    accepted.networks.push_back(*rule->addresses);
  } else if (rule->asn) {
    accepted.asns.push_back(*rule->asn);
  } else {
    accepted.countries.push_back(rule->country);
  }
  return {};
}

DnsDecision decide_dns(const DnsFacts& facts) { return Table(facts).run(); }

bool is_public_resolver(const AddressFacts& facts) {
  if (facts.asn) return std::ranges::find(public_asns, *facts.asn) != public_asns.end();
  std::string owner = facts.organisation;
  std::ranges::transform(owner, owner.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::any_of(public_owners, [&](std::string_view name) { return owner.starts_with(name); });
}

}  // namespace vpn_sentinel
