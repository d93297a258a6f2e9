#include "probe/checks/dns_verdict.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include "probe/verdict/dns_findings.hpp"

using namespace vpn_sentinel;

namespace {

constexpr std::uint32_t exit_asn = 64500;
constexpr std::uint32_t uplink_asn = 64501;
constexpr std::uint32_t third_asn = 64502;
constexpr std::uint32_t quad9 = 19281;

KnownAddress at(const char* address, std::optional<std::uint32_t> asn = {}, std::string country = {}) {
  KnownAddress known{IpAddress::parse(address).value(), {}};
  known.facts.asn = asn;
  known.facts.country = std::move(country);
  return known;
}

KnownAddress owned(const char* address, std::string organisation) {
  auto known = at(address);
  known.facts.organisation = std::move(organisation);
  return known;
}

ResolverView resolver(const char* address, ResolverWay way, bool asked = true, bool answered = true) {
  ResolverView made;
  made.address = IpAddress::parse(address).value();
  made.way = way;
  made.asked = asked;
  made.answered = answered;
  return made;
}

/// The VPN's resolver in the tunnel, everything known, all six names answered from the exit.
DnsFacts healthy() {
  DnsFacts facts;
  facts.exits = {at("198.51.100.7", exit_asn, "RO")};
  facts.uplinks = {at("203.0.113.200", uplink_asn, "DE")};
  facts.egress = facts.exits;
  facts.whoami = facts.exits.front().address;
  facts.resolvers = {resolver("10.8.0.1", ResolverWay::tunnel)};
  facts.asked = facts.answered = 6;
  return facts;
}

/// The same without a database and without the uplink's address.
DnsFacts bare() {
  auto facts = healthy();
  facts.uplinks.clear();
  facts.exits.front().facts = {};
  facts.egress = facts.exits;
  return facts;
}

struct Row {
  const char* what;
  DnsVerdict verdict;
  const char* reason;
  std::function<void(DnsFacts&)> change;
};

const auto leak = DnsVerdict::leak;
const auto fine = DnsVerdict::no_leak;
const auto unknown = DnsVerdict::unverifiable;

void check(const std::vector<Row>& rows, const std::function<DnsFacts()>& base) {
  for (const auto& row : rows) {
    auto facts = base();
    row.change(facts);
    const auto decision = decide_dns(facts);
    BOOST_TEST((decision.verdict == row.verdict), row.what << ": " << to_string(decision.verdict));
    BOOST_TEST(decision.reason == row.reason, row.what << ": " << decision.reason);
    BOOST_TEST(!dns_reason_text(decision.reason).empty(), row.what);
  }
}

void use(DnsFacts& facts, std::vector<KnownAddress> egress) { facts.egress = std::move(egress); }
void loopback(DnsFacts& facts) { facts.resolvers = {resolver("127.0.0.1", ResolverWay::loopback)}; }

/// A program on loopback that told all of `egress` itself.
void asked_loopback(DnsFacts& facts) {
  loopback(facts);
  for (const auto& item : facts.egress) facts.resolvers.front().egress.push_back(item.address);
}

bool contains(const std::vector<std::string>& words, const char* word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_verdict)

BOOST_AUTO_TEST_CASE(a_reason_is_not_named_twice) {
  auto facts = healthy();
  facts.exits.clear();
  const auto decision = decide_dns(facts);
  BOOST_TEST(decision.reason == "U_NO_EXIT");
  BOOST_TEST(decision.also.empty());
}

BOOST_AUTO_TEST_CASE(every_row_of_the_table) {
  check(
      {
          {"row 0", unknown, "U_GENERATION", [](DnsFacts& f) { f.generation_changed = true; }},
          {"row 5 with an unknown network", unknown, "U_NO_EXIT",
           [](DnsFacts& f) {
             f.exits.clear();
             use(f, {at("192.0.2.9", third_asn, "RO")});
           }},
          {"row 6", leak, "EGRESS_IS_UPLINK",
           [](DnsFacts& f) {
             use(f, {f.exits.front(), f.uplinks.front()});
           }},
          {"row 7", leak, "EGRESS_IS_UPLINK_ISP", [](DnsFacts& f) { use(f, {at("203.0.113.53", uplink_asn, "DE")}); }},
          {"row 8", leak, "ECS_SHOWS_UPLINK", [](DnsFacts& f) { f.subnets = {IpPrefix::parse("203.0.113.0/24").value()}; }},
          {"row 9", leak, "CH_WHOAMI_IS_UPLINK", [](DnsFacts& f) { f.whoami = f.uplinks.front().address; }},
          {"row 10", leak, "DNS_PKTS_OUTSIDE_TUNNEL", [](DnsFacts& f) { f.packets_outside = 7; }},
          {"row 11", leak, "RESOLVER_ROUTE_OUTSIDE_TUNNEL",
           [](DnsFacts& f) { f.resolvers = {resolver("192.168.77.1", ResolverWay::outside)}; }},
          {"row 12", leak, "STUB_MULTI_LINK",
           [](DnsFacts& f) {
             loopback(f);
             f.stub_links = {2, 1};
           }},
          {"row 13", unknown, "U_NO_EGRESS_ANSWER",
           [](DnsFacts& f) {
             f.answered = 0;
             f.egress.clear();
           }},
          {"row 14, the address", fine, "EGRESS_IS_EXIT", [](DnsFacts&) {}},
          {"row 14, the /24", fine, "EGRESS_IS_EXIT", [](DnsFacts& f) { use(f, {at("198.51.100.9")}); }},
          {"row 14, the network", fine, "EGRESS_IS_EXIT", [](DnsFacts& f) { use(f, {at("192.0.2.9", exit_asn, "NL")}); }},
          {"row 15 with counters", fine, "PUBLIC_RESOLVER_VIA_TUNNEL",
           [](DnsFacts& f) {
             loopback(f);
             f.packets_outside = 0;
             use(f, {at("192.0.2.9", quad9, "NL")});
           }},
          {"row 15 by the route", fine, "PUBLIC_RESOLVER_VIA_TUNNEL",
           [](DnsFacts& f) {
             use(f, {at("192.0.2.9", quad9, "NL"), f.exits.front()});
           }},
          {"row 16 instead of 15", unknown, "U_DOCKER_HOST_FORWARD",
           [](DnsFacts& f) {
             loopback(f);
             f.packets_outside = 0;
             f.host_forward = true;
             use(f, {at("192.0.2.9", quad9, "RO")});
           }},
          {"row 16 instead of 19", unknown, "U_DOCKER_HOST_FORWARD",
           [](DnsFacts& f) {
             loopback(f);
             f.packets_outside = 0;
             f.host_forward = true;
             use(f, {at("192.0.2.9", third_asn, "RO")});
           }},
          {"row 17 is none: a country proves nothing", unknown, "U_ANYCAST_NO_LOCAL_PROOF",
           [](DnsFacts& f) {
             loopback(f);
             use(f, {at("192.0.2.9", quad9, "RO")});
           }},
          {"row 18", unknown, "U_ANYCAST_NO_LOCAL_PROOF",
           [](DnsFacts& f) {
             loopback(f);
             use(f, {at("192.0.2.9", quad9, "NL")});
           }},
          {"row 19", fine, "THIRD_PARTY_SAME_CC_VIA_TUNNEL",
           [](DnsFacts& f) {
             loopback(f);
             f.packets_outside = 0;
             use(f, {at("192.0.2.9", third_asn, "RO")});
           }},
          {"row 20", unknown, "U_UNKNOWN_RESOLVER_NET", [](DnsFacts& f) { use(f, {at("192.0.2.9", third_asn, "NL")}); }},
          {"row 21", unknown, "U_TOO_FEW_ANSWERS", [](DnsFacts& f) { f.answered = 2; }},
          {"resolvers that could not be read", unknown, "U_RESOLVER_UNKNOWN", [](DnsFacts& f) { f.path_unknown = true; }},
          {"a Unix socket", unknown, "U_RESOLVER_BY_SOCKET", [](DnsFacts& f) { f.by_socket = true; }},
      },
      healthy);
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_neither_a_leak_nor_fine) {
  check(
      {
          {"the exit's own address needs no database", fine, "EGRESS_IS_EXIT", [](DnsFacts&) {}},
          {"another network", unknown, "U_UNKNOWN_RESOLVER_NET", [](DnsFacts& f) { use(f, {at("192.0.2.9")}); }},
          {"the uplink's, of which nobody knows", unknown, "U_UNKNOWN_RESOLVER_NET", [](DnsFacts& f) { use(f, {at("203.0.113.200")}); }},
          {"one of six elsewhere", unknown, "U_UNKNOWN_RESOLVER_NET", [](DnsFacts& f) { f.egress.push_back(at("203.0.113.200")); }},
          {"no exit and no facts", unknown, "U_NO_EXIT", [](DnsFacts& f) { f.exits.clear(); }},
          {"nothing was asked", unknown, "U_NO_EGRESS_ANSWER",
           [](DnsFacts& f) {
             f.asked = f.answered = 0;
             f.egress.clear();
           }},
          {"a public resolver by its owner's name", fine, "PUBLIC_RESOLVER_VIA_TUNNEL",
           [](DnsFacts& f) { use(f, {owned("192.0.2.9", "Quad9")}); }},
          {"a network of which the exit is not known", unknown, "U_UNKNOWN_RESOLVER_NET",
           [](DnsFacts& f) {
             f.uplinks = {at("203.0.113.200", uplink_asn)};
             use(f, {at("203.0.113.53", uplink_asn)});
           }},
      },
      bare);
}

BOOST_AUTO_TEST_CASE(the_exit_s_network_is_a_proof_only_where_the_uplink_is_known_to_be_elsewhere) {
  check(
      {
          {"its /24, the uplink unknown", unknown, "U_UNKNOWN_RESOLVER_NET",
           [](DnsFacts& f) {
             f.uplinks.clear();
             use(f, {at("198.51.100.9")});
             asked_loopback(f);
           }},
          {"its /24, the uplink known of the other family only", unknown, "U_UNKNOWN_RESOLVER_NET",
           [](DnsFacts& f) {
             f.uplinks = {at("2001:db8:1::1")};
             use(f, {at("198.51.100.9")});
             asked_loopback(f);
           }},
          {"its network, the uplink unknown", unknown, "U_UNKNOWN_RESOLVER_NET",
           [](DnsFacts& f) {
             f.uplinks.clear();
             use(f, {at("192.0.2.9", exit_asn)});
             asked_loopback(f);
           }},
          {"its network, the uplink's not known", unknown, "U_UNKNOWN_RESOLVER_NET",
           [](DnsFacts& f) {
             f.uplinks.front().facts = {};
             use(f, {at("192.0.2.9", exit_asn)});
             asked_loopback(f);
           }},
          {"its network, the uplink elsewhere", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             use(f, {at("192.0.2.9", exit_asn)});
             asked_loopback(f);
           }},
          {"its /24 from Docker's engine", unknown, "U_DOCKER_HOST_FORWARD",
           [](DnsFacts& f) {
             f.host_forward = true;
             use(f, {at("198.51.100.9")});
             asked_loopback(f);
           }},
          {"its network from Docker's engine", unknown, "U_DOCKER_HOST_FORWARD",
           [](DnsFacts& f) {
             f.host_forward = true;
             use(f, {at("192.0.2.9", exit_asn)});
             asked_loopback(f);
           }},
      },
      healthy);
}

BOOST_AUTO_TEST_CASE(each_server_that_programs_ask_has_to_be_proved) {
  check(
      {
          {"a second program on loopback that told nothing", unknown, "U_SERVER_UNPROVED",
           [](DnsFacts& f) { f.resolvers.push_back(resolver("127.0.0.2", ResolverWay::loopback)); }},
          {"a second program on loopback that does not answer", unknown, "U_SERVER_UNPROVED",
           [](DnsFacts& f) { f.resolvers.push_back(resolver("127.0.0.2", ResolverWay::loopback, true, false)); }},
          {"a second server whose route could not be looked up", unknown, "U_SERVER_UNPROVED",
           [](DnsFacts& f) { f.resolvers.push_back(resolver("10.8.0.2", ResolverWay::unknown, false, false)); }},
          {"what stands behind one that is proved", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             asked_loopback(f);
             f.resolvers.push_back(resolver("10.8.0.1", ResolverWay::unknown, false, false));
             f.resolvers.back().upstream = true;
           }},
          {"accepted by its own answers", fine, "EGRESS_ACCEPTED",
           [](DnsFacts& f) {
             f.accepted.countries = {"NL"};
             f.egress.push_back(at("192.0.2.9", third_asn, "NL"));
             asked_loopback(f);
           }},
          {"a router outside that does not answer", unknown, "U_OUTSIDE_SILENT",
           [](DnsFacts& f) { f.resolvers.push_back(resolver("192.168.77.1", ResolverWay::outside, true, false)); }},
          {"a router outside that answered before", leak, "RESOLVER_ROUTE_OUTSIDE_TUNNEL",
           [](DnsFacts& f) {
             f.resolvers.push_back(resolver("192.168.77.1", ResolverWay::outside, true, false));
             f.resolvers.back().answered_before = true;
           }},
      },
      healthy);
}

BOOST_AUTO_TEST_CASE(no_wrong_no_leak) {
  check(
      {
          {"a public resolver behind a program on loopback, without counters", unknown, "U_ANYCAST_NO_LOCAL_PROOF",
           [](DnsFacts& f) {
             loopback(f);
             use(f, {at("192.0.2.9", quad9)});
           }},
          {"port 53 is turned elsewhere", unknown, "U_ANYCAST_NO_LOCAL_PROOF",
           [](DnsFacts& f) {
             f.whoami = IpAddress::parse("192.0.2.77").value();
             use(f, {at("192.0.2.9", quad9)});
           }},
          {"port 53 was not answered", unknown, "U_ANYCAST_NO_LOCAL_PROOF",
           [](DnsFacts& f) {
             f.whoami.reset();
             use(f, {at("192.0.2.9", quad9)});
           }},
          {"the route could not be looked up", unknown, "U_ANYCAST_NO_LOCAL_PROOF",
           [](DnsFacts& f) {
             f.resolvers.push_back(resolver("10.8.0.2", ResolverWay::unknown, false));
             use(f, {at("192.0.2.9", quad9)});
           }},
          {"no resolver is known", unknown, "U_ANYCAST_NO_LOCAL_PROOF",
           [](DnsFacts& f) {
             f.resolvers.clear();
             use(f, {at("192.0.2.9", quad9)});
           }},
          {"the second server is the router", leak, "RESOLVER_ROUTE_OUTSIDE_TUNNEL",
           [](DnsFacts& f) { f.resolvers.push_back(resolver("192.168.77.1", ResolverWay::outside, false, false)); }},
          {"a router that refuses has heard the name", leak, "RESOLVER_ROUTE_OUTSIDE_TUNNEL",
           [](DnsFacts& f) {
             f.answered = 0;
             f.egress.clear();
             f.resolvers = {resolver("192.168.77.1", ResolverWay::outside)};
           }},
          {"one of six from the uplink", leak, "EGRESS_IS_UPLINK", [](DnsFacts& f) { f.egress.push_back(f.uplinks.front()); }},
          {"another address of the uplink's /64", leak, "EGRESS_IS_UPLINK",
           [](DnsFacts& f) {
             f.uplinks.push_back(at("2001:db8:1::1"));
             use(f, {at("2001:db8:1::2")});
           }},
          {"the uplink in the exit's network", unknown, "U_UNKNOWN_RESOLVER_NET",
           [](DnsFacts& f) {
             f.uplinks.front().facts.asn = exit_asn;
             use(f, {at("192.0.2.9", exit_asn)});
           }},
          {"the uplink in the exit's /24", unknown, "U_UNKNOWN_RESOLVER_NET",
           [](DnsFacts& f) {
             f.uplinks = {at("198.51.100.200")};
             use(f, {at("198.51.100.9")});
           }},
          {"the exit's own address, which is the uplink's", unknown, "U_EXIT_IS_UPLINK", [](DnsFacts& f) { f.uplinks = f.exits; }},
          {"a public resolver, while the exit is the uplink", unknown, "U_EXIT_IS_UPLINK",
           [](DnsFacts& f) {
             f.uplinks = f.exits;
             use(f, {at("192.0.2.53", quad9)});
           }},
          {"the exit of IPv4, while that of IPv6 is the uplink", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             f.exits.push_back(at("2001:db8:1::2", uplink_asn));
             f.uplinks.push_back(at("2001:db8:1::1", uplink_asn));
           }},
          {"an exit beside the uplink in one /24, and the resolver asks from the uplink", leak, "EGRESS_IS_UPLINK",
           [](DnsFacts& f) {
             f.uplinks = {at("198.51.100.200")};
             use(f, f.uplinks);
           }},
          {"the same country proves nothing without the way", unknown, "U_UNKNOWN_RESOLVER_NET",
           [](DnsFacts& f) {
             loopback(f);
             use(f, {at("192.0.2.9", third_asn, "RO")});
           }},
          {"the exit's country is the uplink's", unknown, "U_ANYCAST_NO_LOCAL_PROOF",
           [](DnsFacts& f) {
             loopback(f);
             f.uplinks.front().facts.country = "RO";
             use(f, {at("192.0.2.9", quad9, "RO")});
           }},
          {"an accepted country does not cover the uplink itself", leak, "EGRESS_IS_UPLINK",
           [](DnsFacts& f) {
             f.accepted.countries = {"DE"};
             use(f, f.uplinks);
           }},
          {"one link of systemd-resolved, and that outside", leak, "RESOLVER_ROUTE_OUTSIDE_TUNNEL",
           [](DnsFacts& f) {
             loopback(f);
             f.stub_links = {1, 1};
           }},
          {"exactly half is enough", fine, "EGRESS_IS_EXIT", [](DnsFacts& f) { f.answered = 3; }},
      },
      healthy);
}

BOOST_AUTO_TEST_CASE(no_false_alarm) {
  check(
      {
          {"an anycast resolver answers from another country", fine, "PUBLIC_RESOLVER_VIA_TUNNEL",
           [](DnsFacts& f) { use(f, {at("192.0.2.9", quad9, "DE")}); }},
          {"a public resolver in the uplink's network", fine, "PUBLIC_RESOLVER_VIA_TUNNEL",
           [](DnsFacts& f) {
             f.uplinks.front().facts.asn = quad9;
             use(f, {at("192.0.2.9", quad9)});
           }},
          {"a router outside whose questions the firewall of the namespace stops", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             f.resolvers.push_back(resolver("192.168.77.1", ResolverWay::outside, true, false));
             f.resolvers.back().stopped = true;
           }},
          {"a second server without a route", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) { f.resolvers.push_back(resolver("2001:db8::53", ResolverWay::nowhere, true, false)); }},
          {"a second server in the tunnel that is not there", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) { f.resolvers.push_back(resolver("10.8.0.2", ResolverWay::tunnel, true, false)); }},
          {"a second program on loopback that asks from the exit", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             f.resolvers.push_back(resolver("127.0.0.2", ResolverWay::loopback));
             f.resolvers.back().egress = {f.exits.front().address};
           }},
          {"the exit's /24 without the uplink, all servers in the tunnel", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             f.uplinks.clear();
             use(f, {at("198.51.100.9")});
           }},
          {"the exit's own address from Docker's engine", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             asked_loopback(f);
             f.host_forward = true;
           }},
          {"a subnet that covers exit and uplink", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             f.uplinks = {at("198.51.101.200")};
             f.subnets = {IpPrefix::parse("198.51.0.0/16").value()};
           }},
          {"a subnet that says nothing", fine, "EGRESS_IS_EXIT", [](DnsFacts& f) { f.subnets = {IpPrefix::parse("0.0.0.0/0").value()}; }},
          {"stale files of systemd-resolved", unknown, "U_NO_EGRESS_ANSWER",
           [](DnsFacts& f) {
             f.resolvers = {resolver("127.0.0.53", ResolverWay::loopback, true, false)};
             f.stub_links = {2, 1};
             f.answered = 0;
             f.egress.clear();
           }},
          {"an accepted network", fine, "EGRESS_ACCEPTED",
           [](DnsFacts& f) {
             f.accepted.networks = {IpPrefix::parse("203.0.113.0/24").value()};
             use(f, f.uplinks);
           }},
          {"an accepted provider", fine, "EGRESS_ACCEPTED",
           [](DnsFacts& f) {
             f.accepted.asns = {uplink_asn};
             use(f, {at("203.0.113.53", uplink_asn, "DE")});
           }},
          {"an accepted country", fine, "EGRESS_ACCEPTED",
           [](DnsFacts& f) {
             f.accepted.countries = {"NL"};
             use(f, {at("192.0.2.9", third_asn, "NL")});
           }},
          {"an accepted resolver outside", fine, "EGRESS_IS_EXIT",
           [](DnsFacts& f) {
             f.resolvers = {resolver("192.168.77.1", ResolverWay::outside)};
             f.resolvers.front().accepted = true;
           }},
          {"exit and uplink are one", unknown, "U_EXIT_IS_UPLINK",
           [](DnsFacts& f) {
             f.uplinks = f.exits;
             f.whoami = f.exits.front().address;
           }},
      },
      healthy);
}

BOOST_AUTO_TEST_CASE(further_reasons_and_notes_are_told) {
  auto facts = healthy();
  facts.egress = facts.uplinks;
  facts.whoami = facts.uplinks.front().address;
  facts.packets_outside = 1;
  const auto leaks = decide_dns(facts);
  BOOST_TEST(leaks.reason == "EGRESS_IS_UPLINK");
  for (const auto* const code : {"EGRESS_IS_UPLINK_ISP", "CH_WHOAMI_IS_UPLINK", "DNS_PKTS_OUTSIDE_TUNNEL"})
    BOOST_TEST(contains(leaks.also, code), code);

  facts = healthy();
  facts.egress = {at("192.0.2.9", quad9, "NL")};
  BOOST_TEST(contains(decide_dns(facts).also, "INFO_COLO_DIFFERS"));
  facts.resolvers.push_back(resolver("192.168.77.1", ResolverWay::outside, true, false));
  BOOST_TEST(contains(decide_dns(facts).also, "RESOLVER_OUTSIDE_UNANSWERED"));
  facts = healthy();
  facts.egress = {at("192.0.2.9", quad9, "RO")};
  loopback(facts);
  BOOST_TEST(contains(decide_dns(facts).also, "WEAK_GEO_MATCH"));
  facts = healthy();
  facts.answered = 1;
  BOOST_TEST(contains(decide_dns(facts).also, "EGRESS_IS_EXIT"));
}

BOOST_AUTO_TEST_CASE(acceptance_is_a_country_a_network_number_or_a_network) {
  DnsAcceptance accepted;
  for (const auto* const text : {"RO", "AS64500", "198.51.100.0/24", "192.0.2.1", "2001:db8::/32"})
    BOOST_TEST(add_acceptance(text, accepted).has_value(), text);
  BOOST_TEST(accepted.countries.size() == 1U);
  BOOST_TEST(accepted.asns.size() == 1U);
  BOOST_TEST(accepted.networks.size() == 3U);
  for (const auto* const text : {"", "XX", "ROU", "AS0", "AS64500x", "AS99999999999", "198.51.100.0/33", "dns.example"})
    BOOST_TEST(!add_acceptance(text, accepted).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()
