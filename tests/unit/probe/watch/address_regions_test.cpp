#include "probe/watch/address_regions.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/unit/probe/watch/make_snapshot.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

using Prefixes = std::vector<IpPrefix>;
using Texts = std::vector<std::string>;

std::vector<SplitPrefix> harmful(const Prefixes& prefixes) {
  std::vector<SplitPrefix> made;
  for (const auto& item : prefixes) made.push_back({item, false});
  return made;
}

/// "198.18.0.1 in 198.18.0.0/15" for each region.
Texts regions(const Prefixes& prefixes, const Prefixes& local = {}, const std::vector<IpAddress>& wanted = {}, Family family = Family::v4) {
  Texts texts;
  for (const auto& region : address_regions(family, harmful(prefixes), local, {}, wanted)) {
    texts.push_back(region.representative.to_string() + " in " + region.within.to_string() + (region.by_request ? " wanted" : ""));
  }
  std::ranges::sort(texts);
  return texts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regions_of_addresses)

BOOST_AUTO_TEST_CASE(without_prefixes_the_whole_space_is_one_region) {
  BOOST_TEST(regions({}) == Texts{"0.0.0.1 in 0.0.0.0/0"});
  BOOST_TEST(regions({}, {}, {}, Family::v6) == Texts{"::1 in ::/0"});
}

BOOST_AUTO_TEST_CASE(each_prefix_and_what_it_leaves_of_its_outer_one_is_a_region) {
  BOOST_TEST(regions({prefix("0.0.0.0/1"), prefix("128.0.0.0/1")}) == (Texts{"0.0.0.1 in 0.0.0.0/1", "128.0.0.1 in 128.0.0.0/1"}));
  BOOST_TEST(regions({prefix("198.18.0.0/15"), prefix("198.18.0.0/16")}) ==
             (Texts{"0.0.0.1 in 0.0.0.0/0", "198.18.0.1 in 198.18.0.0/16", "198.19.0.1 in 198.18.0.0/15"}));
}

BOOST_AUTO_TEST_CASE(a_host_route_is_asked_for_itself) {
  BOOST_TEST(regions({prefix("198.18.0.7/32")}) == (Texts{"0.0.0.1 in 0.0.0.0/0", "198.18.0.7 in 198.18.0.7/32"}));
  BOOST_TEST(regions({prefix("0.0.0.0/32"), prefix("255.255.255.255/32")}) ==
             (Texts{"0.0.0.0 in 0.0.0.0/32", "0.0.0.2 in 0.0.0.0/0", "255.255.255.255 in 255.255.255.255/32"}));
}

BOOST_AUTO_TEST_CASE(what_is_local_is_left_out_with_everything_inside_it) {
  BOOST_TEST(regions({prefix("10.1.0.0/16"), prefix("10.0.0.0/8")}, {prefix("10.0.0.0/8")}) == Texts{"0.0.0.1 in 0.0.0.0/0"});
  BOOST_TEST(regions({}, {prefix("0.0.0.0/1")}) == Texts{"128.0.0.1 in 0.0.0.0/0"});
  BOOST_TEST(regions({}, {prefix("0.0.0.0/0")}).empty());
}

BOOST_AUTO_TEST_CASE(a_public_part_of_a_local_network_is_asked_for_with_everything_inside_it) {
  const Prefixes local{prefix("::/3"), prefix("4000::/2"), prefix("8000::/1"), prefix("2000::/3")};
  const Prefixes open{prefix("64:ff9b::/96")};
  const auto parts = address_regions(Family::v6, harmful({prefix("64:ff9b::c633:0/112")}), local, open, {});
  BOOST_REQUIRE(parts.size() == 2U);
  BOOST_TEST(parts[0].representative.to_string() == "64:ff9b::c633:1");
  BOOST_TEST(parts[1].within.to_string() == "64:ff9b::/96");
}

BOOST_AUTO_TEST_CASE(a_wanted_address_stands_for_its_region) {
  BOOST_TEST(regions({prefix("198.18.0.0/15")}, {}, {ip("198.18.200.9"), ip("8.8.8.8")}) ==
             (Texts{"198.18.200.9 in 198.18.0.0/15 wanted", "8.8.8.8 in 0.0.0.0/0 wanted"}));
  BOOST_TEST(regions({prefix("8.8.8.8/32")}, {}, {ip("8.8.8.8")}) == (Texts{"0.0.0.1 in 0.0.0.0/0", "8.8.8.8 in 8.8.8.8/32 wanted"}));
  BOOST_TEST(regions({}, {prefix("8.0.0.0/8")}, {ip("8.8.8.8")}) == Texts{"0.0.0.1 in 0.0.0.0/0"});
}

BOOST_AUTO_TEST_CASE(a_prefix_that_is_covered_by_its_inner_ones_is_no_region) {
  BOOST_TEST(regions({prefix("198.18.0.0/15"), prefix("198.18.0.0/16"), prefix("198.19.0.0/16")}).size() == 3U);
}

BOOST_AUTO_TEST_CASE(the_other_family_is_left_out) {
  BOOST_TEST(regions({prefix("2001:db8::/32"), prefix("198.18.0.0/15")}, {}, {}, Family::v6) ==
             (Texts{"2001:db8::1 in 2001:db8::/32", "::1 in ::/0"}));
}

BOOST_AUTO_TEST_CASE(a_harmless_prefix_is_implied_by_the_next_outer_one_that_is_asked_about) {
  const std::vector<SplitPrefix> prefixes{
      {prefix("198.0.0.0/8"), false}, {prefix("198.18.0.0/15"), true}, {prefix("198.18.7.0/24"), true}, {prefix("198.19.0.0/16"), false}};
  for (const auto& region : address_regions(Family::v4, prefixes, {}, {}, {})) {
    const bool harmless = region.within == prefix("198.18.0.0/15") || region.within == prefix("198.18.7.0/24");
    BOOST_TEST(region.implied == harmless, region.within.to_string());
  }
}

BOOST_AUTO_TEST_CASE(nothing_follows_from_an_outer_prefix_that_has_no_address_of_its_own_left) {
  const std::vector<SplitPrefix> prefixes{
      {prefix("198.18.0.0/15"), false}, {prefix("198.18.0.0/16"), true}, {prefix("198.19.0.0/16"), true}};
  for (const auto& region : address_regions(Family::v4, prefixes, {}, {}, {})) BOOST_TEST(!region.implied);
}

BOOST_AUTO_TEST_CASE(a_prefix_with_one_harmful_route_among_harmless_ones_is_asked_about) {
  const std::vector<SplitPrefix> prefixes{
      {prefix("198.18.0.0/15"), true}, {prefix("198.18.0.0/15"), false}, {prefix("198.18.0.0/15"), true}};
  for (const auto& region : address_regions(Family::v4, prefixes, {}, {}, {})) BOOST_TEST(!region.implied);
}

BOOST_AUTO_TEST_CASE(a_wanted_address_is_never_implied) {
  const std::vector<SplitPrefix> prefixes{{prefix("198.18.0.0/15"), true}};
  for (const auto& region : address_regions(Family::v4, prefixes, {}, {}, std::vector{ip("198.18.0.9")})) BOOST_TEST(!region.implied);
}

BOOST_AUTO_TEST_CASE(every_address_has_a_region_whose_representative_lies_in_the_same_prefixes) {
  std::mt19937 random{7};
  for (int round = 0; round < 200; ++round) {
    Prefixes prefixes;
    for (int i = 0; i < 12; ++i) {
      const auto third = static_cast<std::uint8_t>(random() % 4);
      prefixes.emplace_back(IpAddress::v4({198, 18, third, static_cast<std::uint8_t>(random() % 8)}), 13U + random() % 20U);
    }
    const auto parts = address_regions(Family::v4, harmful(prefixes), {}, {}, {});
    const auto inside = [&](const IpAddress& address) {
      std::vector<bool> in;
      for (const auto& item : prefixes) in.push_back(item.contains(address));
      return in;
    };
    for (int i = 0; i < 50; ++i) {
      const auto address = IpAddress::v4({198, 18, static_cast<std::uint8_t>(random() % 5), static_cast<std::uint8_t>(random() % 10)});
      const bool found =
          std::ranges::any_of(parts, [&](const AddressRegion& part) { return inside(part.representative) == inside(address); });
      BOOST_TEST_REQUIRE(found, address.to_string());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
