// Which way a report takes.
#include <boost/test/unit_test.hpp>

#include "probe/delivery/delivery_path.hpp"
#include "tests/unit/netns_clients/loopback_dns.hpp"
#include "tests/unit/probe/delivery/sender_fixture.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_FIXTURE_TEST_SUITE(sender_path, SenderFixture)

BOOST_AUTO_TEST_CASE(changes_take_the_uplink_and_keepalives_the_tunnel_and_the_report_says_so) {
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(tunnel.sockets == 0);
  sender->submit(keepalive(2));
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(tunnel.sockets == 1);
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  BOOST_TEST(event(1) == "delivered a 2 tunnel");
  BOOST_TEST(hub.received.at(0).body.at("path") == "uplink");
  BOOST_TEST(hub.received.at(1).body.at("path") == "tunnel");
}

BOOST_AUTO_TEST_CASE(the_only_way_is_taken_by_both) {
  start();
  tunnel.exists = false;
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  tunnel.exists = true;
  uplink.exists = false;
  sender->submit(change(2));
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(1) == "delivered a 2 tunnel");
}

BOOST_AUTO_TEST_CASE(a_broken_first_path_is_followed_by_the_other_at_once) {
  start();
  tunnel.broken = true;
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  tunnel.broken = false;
  uplink.broken = true;
  http.drop_connections();
  sender->submit(change(2));
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(1) == "delivered a 2 tunnel");
  BOOST_TEST(hub.received.at(1).body.at("path") == "tunnel");
  BOOST_TEST(failures.empty());
}

BOOST_AUTO_TEST_CASE(a_tunnel_that_swallows_everything_costs_its_time_out_only) {
  address.tunnel_timeout = std::chrono::milliseconds{150};
  hub.answer = [](const Received& request) { return request.body.at("path") == "tunnel" ? std::nullopt : std::optional<Answer>(Answer{}); };
  start();
  const auto begin = mono_now();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  BOOST_TEST((mono_now() - begin >= address.tunnel_timeout));
}

BOOST_AUTO_TEST_CASE(what_answers_in_the_tunnel_in_the_hubs_place_does_not_keep_a_report_from_the_uplink) {
  const Answer portals[]{{502, "", "<html>Bad gateway</html>"},         {503, "Retry-After: 60\r\n", "<html>Maintenance</html>"},
                         {500, "", R"({"error":"upstream"})"},          {404, "", ""},
                         {403, "", R"({"error":"Access denied"})"},     {400, "", "<html>Bad Request</html>"},
                         {200, "", "<html>Welcome to the hotel</html>"}};
  start();
  std::size_t seq = 0;
  for (const auto& portal : portals) {
    hub.answer = [&](const Received& request) { return request.body.at("path") == "tunnel" ? portal : Answer{}; };
    sender->kick();
    sender->submit(keepalive(++seq));
    BOOST_REQUIRE(run_until_events(seq));
    BOOST_TEST(event(seq - 1) == "delivered a " + std::to_string(seq) + " uplink", portal.status);
  }
  BOOST_TEST(failures.empty());
}

BOOST_AUTO_TEST_CASE(the_hubs_own_word_is_not_doubted_by_another_path) {
  const Answer words[]{{401, "", R"({"error":"Unauthorized"})"},
                       {429, "Retry-After: 1\r\n", R"({"error":"Too many requests"})"},
                       {503, "Retry-After: 1\r\n", R"({"error":"Store"})"},
                       {400, "", R"({"error":"Invalid report"})"}};
  for (const auto& word : words) {
    hub.answer = [&](const Received&) { return word; };
    hub.received.clear();
    events.clear();
    outbox = open_outbox("");
    start();
    sender->submit(keepalive(1));
    BOOST_REQUIRE(run_until_events(1));
    BOOST_TEST(hub.received.size() == 1U, word.status);
    sender.reset();
  }
}

BOOST_AUTO_TEST_CASE(a_proxy_before_the_hub_by_the_uplink_leads_to_the_tunnel) {
  hub.answer = [](const Received& request) {
    return request.body.at("path") == "uplink" ? Answer{502, "", "<html>Bad gateway</html>"} : Answer{};
  };
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 tunnel");
}

BOOST_AUTO_TEST_CASE(when_something_answers_by_both_paths_each_is_named) {
  hub.answer = [](const Received& request) { return Answer{request.body.at("path") == "tunnel" ? 502 : 500, "", "<html></html>"}; };
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  const auto message = failures.at(0).message;
  BOOST_TEST(message.find("tunnel: the hub answered 502") == 0U, message);
  BOOST_TEST(message.find("the hub answered 500") != std::string::npos, message);
  BOOST_TEST(hub.received.size() == 2U);
}

BOOST_AUTO_TEST_CASE(when_both_fail_the_error_names_both_and_the_setting) {
  start();
  tunnel.broken = uplink.broken = true;
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "failed a");
  const auto message = failures.at(0).message;
  BOOST_TEST(message.find("uplink: ") == 0U, message);
  BOOST_TEST(message.find("; tunnel: ") != std::string::npos, message);
  BOOST_TEST(message.ends_with("; check VPN_SENTINEL_URL and that the hub runs"), message);
  BOOST_TEST(outbox->size() == 1U);
}

BOOST_AUTO_TEST_CASE(without_any_way_it_waits_for_one) {
  tunnel.exists = uplink.exists = false;
  start();
  sender->submit(change(1));
  BOOST_TEST(event(0) == "failed a");
  BOOST_TEST(failures.at(0).message == "there is no way to the hub: the tunnel is down and there is no uplink");
  uplink.exists = true;
  sender->kick();
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(1) == "delivered a 1 uplink");
}

BOOST_AUTO_TEST_CASE(the_ways_are_asked_for_before_each_try) {
  uplink.exists = false;
  tunnel.broken = true;
  start();
  sender->submit(keepalive(1));
  uplink.exists = true;  // while the first try is under way
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  BOOST_TEST(paths_asked == 2);
}

BOOST_AUTO_TEST_CASE(a_hub_that_only_the_uplink_reaches_is_not_sought_in_the_tunnel_each_time) {
  start();
  tunnel.broken = true;
  for (std::uint64_t seq = 1; seq <= 8; ++seq) {
    sender->submit(keepalive(seq));
    BOOST_REQUIRE(run_until_events(seq));
    BOOST_TEST(event(seq - 1) == "delivered a " + std::to_string(seq) + " uplink");
  }
  BOOST_TEST(tunnel.sockets == most_tunnel_misses);
  sender->kick();
  tunnel.broken = false;
  sender->submit(keepalive(9));
  BOOST_REQUIRE(run_until_events(9));
  BOOST_TEST(event(8) == "delivered a 9 tunnel");
}

BOOST_AUTO_TEST_CASE(a_hub_that_only_the_tunnel_reaches_is_not_sought_by_the_uplink_at_each_change) {
  start();
  uplink.broken = true;
  for (std::uint64_t seq = 1; seq <= 6; ++seq) {
    sender->submit(change(seq));
    BOOST_REQUIRE(run_until_events(seq));
    BOOST_TEST(event(seq - 1) == "delivered a " + std::to_string(seq) + " tunnel");
  }
  BOOST_TEST(uplink.sockets == most_uplink_misses);
  sender->kick();
  uplink.broken = false;
  sender->submit(change(7));
  BOOST_REQUIRE(run_until_events(7));
  BOOST_TEST(event(6) == "delivered a 7 uplink");
}

BOOST_AUTO_TEST_CASE(a_doubtful_uplink_is_still_taken_when_the_tunnel_fails) {
  start();
  uplink.broken = true;
  for (std::uint64_t seq = 1; seq <= 2; ++seq) {
    sender->submit(change(seq));
    BOOST_REQUIRE(run_until_events(seq));
  }
  uplink.broken = false;
  tunnel.broken = true;
  sender->submit(change(3));
  BOOST_REQUIRE(run_until_events(3));
  BOOST_TEST(event(2) == "delivered a 3 uplink");
  tunnel.broken = false;
  sender->submit(change(4));  // trusted again: changes go at once by the uplink
  BOOST_REQUIRE(run_until_events(4));
  BOOST_TEST(event(3) == "delivered a 4 uplink");
}

BOOST_AUTO_TEST_CASE(an_uplink_on_which_no_connection_comes_about_costs_a_change_a_moment_and_not_the_whole_time_out) {
  uplink.swallows = true;
  address.timeout = std::chrono::seconds{15};
  address.uplink_connect = std::chrono::milliseconds{150};
  start();
  const auto begin = mono_now();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 tunnel");
  BOOST_TEST((mono_now() - begin >= address.uplink_connect));
  BOOST_TEST((mono_now() - begin < std::chrono::seconds{5}));
}

BOOST_AUTO_TEST_CASE(a_hub_that_thinks_for_long_has_its_time_by_the_uplink) {
  address.uplink_connect = std::chrono::milliseconds{50};
  hub.answer = [](const Received&) { return std::nullopt; };
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until([&] { return hub.received.size() == 1; }));
  const auto begin = mono_now();
  BOOST_REQUIRE(run_until([&] { return mono_now() - begin > std::chrono::milliseconds{200}; }));
  hub.release();
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
}

BOOST_AUTO_TEST_CASE(in_the_tunnel_a_socket_is_bound_to_the_tunnel_whatever_the_routes_say) {
  tunnel_device = "lo";
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 tunnel");
  tunnel_device = "nosuch0";
  sender->submit(keepalive(2));
  BOOST_REQUIRE(run_until_events(2));
  BOOST_TEST(event(1) == "delivered a 2 uplink");
}

BOOST_AUTO_TEST_CASE(a_doubtful_tunnel_is_still_better_than_nothing) {
  start();
  tunnel.broken = true;
  for (std::uint64_t seq = 1; seq <= 5; ++seq) {
    sender->submit(keepalive(seq));
    BOOST_REQUIRE(run_until_events(seq));
  }
  tunnel.broken = false;
  uplink.exists = false;
  sender->submit(keepalive(6));
  BOOST_REQUIRE(run_until_events(6));
  BOOST_TEST(event(5) == "delivered a 6 tunnel");
}

BOOST_AUTO_TEST_CASE(the_uplink_keeps_its_connection_and_the_tunnel_never) {
  start();
  for (std::uint64_t seq = 1; seq <= 4; ++seq) {
    sender->submit(seq % 2 == 0 ? keepalive(seq) : change(seq));
    BOOST_REQUIRE(run_until_events(seq));
  }
  BOOST_TEST(hub.received.at(0).connection == hub.received.at(2).connection);
  BOOST_TEST(hub.received.at(1).connection != hub.received.at(3).connection);
  BOOST_TEST(uplink.sockets == 1);
  BOOST_TEST(tunnel.sockets == 2);
  sender->kick();  // the routes changed: what is open may lead nowhere
  sender->submit(change(5));
  BOOST_REQUIRE(run_until_events(5));
  BOOST_TEST(uplink.sockets == 2);
}

BOOST_AUTO_TEST_CASE(in_the_tunnel_the_name_of_the_hub_is_asked_in_the_tunnel) {
  LoopbackDns silent(io);
  LoopbackDns server(io);
  silent.silent = true;
  server.names["hub.test"] = {IpAddress::v4({127, 0, 0, 1})};
  resolvers = {silent.endpoint(), server.endpoint()};
  address.urls = {"http://hub.test:" + hub.port()};
  uplink.exists = false;
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 tunnel");
  BOOST_TEST(server.asked == std::vector<std::string>{"hub.test A"}, boost::test_tools::per_element());
  BOOST_TEST(hub.received.at(0).headers.at("host") == "hub.test:" + hub.port());
  BOOST_TEST(tunnel.sockets >= 3);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_unknown_in_the_tunnel_leads_to_the_uplink) {
  LoopbackDns server(io);
  resolvers = {server.endpoint()};
  address.urls = {"http://localhost:" + hub.port()};
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "delivered a 1 uplink");
  BOOST_TEST(server.asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(without_a_resolver_the_name_is_not_asked_outside) {
  address.urls = {"http://hub.test:" + hub.port()};
  uplink.exists = false;
  start();
  sender->submit(keepalive(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(
      failures.at(0).message.find("no address for the name hub.test: no resolver is known inside the namespace") != std::string::npos,
      failures.at(0).message);
  BOOST_TEST(tunnel.sockets == 0);
}

BOOST_AUTO_TEST_CASE(a_url_that_is_none_is_an_error_with_the_setting) {
  address.urls = {"hub without scheme"};
  start();
  sender->submit(change(1));
  BOOST_REQUIRE(run_until_events(1));
  BOOST_TEST(event(0) == "failed a");
  BOOST_TEST(failures.at(0).message.find("VPN_SENTINEL_URL") != std::string::npos, failures.at(0).message);
}

BOOST_AUTO_TEST_SUITE_END()
