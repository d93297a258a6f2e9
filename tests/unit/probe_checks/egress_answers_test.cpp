#include "probe/checks/egress_answers.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

DnsAnswer texts(std::vector<std::string> lines) {
  DnsAnswer answer;
  answer.texts = std::move(lines);
  return answer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(egress_answers)

BOOST_AUTO_TEST_CASE(dnscheck_tools_tells_address_country_owner_and_subnet) {
  const auto egress =
      read_egress_text(texts({"id: 305419896", "proto: UDP", "resolver: 192.0.2.53", "resolverGeo: Frankfurt am Main, Hesse, DE",
                              "resolverOrg: Example: Org", "edns0: flags:d; udp: 1232", "clientSubnet: 203.0.113.0/24"}))
          .value();
  BOOST_TEST(egress.resolver->address.to_string() == "192.0.2.53");
  BOOST_TEST(egress.resolver->facts.country == "DE");
  BOOST_TEST(egress.resolver->facts.organisation == "Example: Org");
  BOOST_TEST(!egress.resolver->facts.asn.has_value());
  BOOST_REQUIRE(egress.subnets.size() == 1U);
  BOOST_TEST(egress.subnets.front().to_string() == "203.0.113.0/24");
}

BOOST_AUTO_TEST_CASE(the_order_of_the_records_does_not_matter) {
  const auto egress = read_egress_text(texts({"resolverGeo: Paris, FR", "resolver: 2001:db8::53"})).value();
  BOOST_TEST(egress.resolver->address.to_string() == "2001:db8::53");
  BOOST_TEST(egress.resolver->facts.country == "FR");
}

BOOST_AUTO_TEST_CASE(akamai_tells_pairs) {
  const auto egress = read_egress_text(texts({"ip198.51.100.1", "ecs203.0.113.0/24/0", "ns2001:db8::53"})).value();
  BOOST_TEST(egress.resolver->address.to_string() == "2001:db8::53");
  BOOST_REQUIRE(egress.subnets.size() == 1U);
  BOOST_TEST(egress.subnets.front().to_string() == "203.0.113.0/24");
}

BOOST_AUTO_TEST_CASE(what_tells_no_address_is_an_error) {
  for (const auto* const text :
       {"", "resolver: ", "resolver: 192.0.2.53:53", "resolver:192.0.2.53", "192.0.2.53", "ns", "nsx", "v=spf1 -all"})
    BOOST_TEST(!read_egress_text(texts({text})).has_value(), text);
  auto refused = texts({"resolver: 192.0.2.53"});
  refused.rcode = 5;
  const auto answer = read_egress_text(refused);
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message == "the answer was REFUSED");
}

BOOST_AUTO_TEST_CASE(a_country_is_two_capital_letters) {
  for (const auto* const text : {"resolverGeo: Germany", "resolverGeo: Berlin, de", "resolverGeo: ", "resolverGeo: ,"})
    BOOST_TEST(read_egress_text(texts({"resolver: 192.0.2.53", text})).value().resolver->facts.country.empty(), text);
}

BOOST_AUTO_TEST_SUITE_END()
