#include "netns/monitor/route_index.hpp"

#include <boost/test/unit_test.hpp>

using namespace vpn_sentinel;

namespace {

Route route(std::string_view destination, std::uint32_t link, std::uint32_t metric = 0) {
  Route route;
  route.destination = IpPrefix::parse(destination).value();
  route.family = route.destination.address().family();
  route.table = 254;
  route.metric = metric;
  route.next_hops = {{link, std::nullopt}};
  return route;
}

struct Table {
  std::vector<Route> routes;
  RouteIndex index;

  void append(const Route& route) { index.append(routes, route); }
  [[nodiscard]] bool has(const Route& route) const {
    const auto found = index.find(routes, route);
    return found && is_same_route(routes[*found], route);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(route_index)

BOOST_AUTO_TEST_CASE(a_route_is_the_same_whatever_its_flags) {
  auto flagged = route("192.0.2.0/24", 1);
  flagged.flags = 16;
  flagged.next_hops.front().flags = 16;
  BOOST_TEST(is_same_route(route("192.0.2.0/24", 1), flagged));
  auto by_object = flagged;
  by_object.next_hop_id = 7;
  BOOST_TEST(!is_same_route(flagged, by_object));
  auto moved = by_object;
  moved.next_hops = {{2, std::nullopt}};
  BOOST_TEST(is_same_route(moved, by_object));
  BOOST_TEST(!is_same_route(route("192.0.2.0/24", 1), route("192.0.2.0/24", 2)));
  BOOST_TEST(!is_same_route(route("0.0.0.0/0", 1), route("::/0", 1)));
}

BOOST_AUTO_TEST_CASE(what_was_put_into_the_vector_alone_is_found_after_catching_up_and_nothing_twice) {
  Table table;
  for (unsigned i = 0; i < 20; ++i) table.append(route("198.18.0." + std::to_string(i) + "/32", i + 1));
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned i = 10; i < 200; ++i) table.routes.push_back(route("198.18.0." + std::to_string(i) + "/32", i + 1));
  }
  table.index.catch_up(table.routes);
  BOOST_TEST(table.routes.size() == 200U);
  for (unsigned i = 0; i < 200; ++i) BOOST_TEST_REQUIRE(table.has(route("198.18.0." + std::to_string(i) + "/32", i + 1)));
  table.append(route("198.18.1.0/32", 1));
  BOOST_TEST(table.has(route("198.18.1.0/32", 1)));
  const auto gone = route("198.18.0.7/32", 8);
  table.index.erase(table.routes, table.index.find(table.routes, gone).value());
  BOOST_TEST(!table.has(gone));
  table.index.catch_up(table.routes);
  BOOST_TEST(table.routes.size() == 200U);
}

BOOST_AUTO_TEST_CASE(erasing_keeps_every_other_route_findable) {
  Table table;
  for (unsigned i = 0; i < 200; ++i) table.append(route("198.18.0." + std::to_string(i) + "/32", i + 1));
  for (unsigned i = 0; i < 200; i += 2) {
    const auto gone = route("198.18.0." + std::to_string(i) + "/32", i + 1);
    table.index.erase(table.routes, table.index.find(table.routes, gone).value());
    BOOST_TEST_REQUIRE(!table.has(gone));
  }
  BOOST_TEST(table.routes.size() == 100U);
  for (unsigned i = 1; i < 200; i += 2) BOOST_TEST_REQUIRE(table.has(route("198.18.0." + std::to_string(i) + "/32", i + 1)));
}

BOOST_AUTO_TEST_CASE(rivals_share_table_destination_and_metric) {
  Table table;
  table.append(route("0.0.0.0/0", 1));
  table.append(route("0.0.0.0/0", 2));
  table.append(route("0.0.0.0/0", 1, 100));
  table.append(route("::/0", 1));
  BOOST_TEST(table.index.rivals(table.routes, route("0.0.0.0/0", 9)).size() == 2U);
  BOOST_TEST(table.index.rivals(table.routes, route("0.0.0.0/0", 9, 100)).size() == 1U);
  BOOST_TEST(table.index.rivals(table.routes, route("0.0.0.0/1", 9)).empty());
}

BOOST_AUTO_TEST_CASE(rivals_can_be_erased_one_by_one) {
  Table table;
  for (const unsigned link : {1U, 2U, 3U}) table.append(route("0.0.0.0/0", link));
  for (const unsigned link : {2U, 1U, 3U}) {
    table.index.erase(table.routes, table.index.find(table.routes, route("0.0.0.0/0", link)).value());
  }
  BOOST_TEST(table.routes.empty());
  BOOST_TEST(table.index.rivals(table.routes, route("0.0.0.0/0", 1)).empty());
}

BOOST_AUTO_TEST_SUITE_END()
