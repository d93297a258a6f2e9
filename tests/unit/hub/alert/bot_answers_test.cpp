#include "hub/alert/bot_answers.hpp"

#include <boost/test/unit_test.hpp>

#include "hub/alert/telegram_reply.hpp"
#include "tests/unit/hub/alert/bot_fixture.hpp"

BOOST_AUTO_TEST_SUITE(bot_answers)

using namespace vpn_sentinel;
using nlohmann::json;
using test::at;
using test::bot_client;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// As Telegram counts a message: UTF-16 units of what is left without tags.
std::size_t units(const std::string& html) {
  std::size_t count = 0;
  for (const char c : plain_text(html)) {
    const auto byte = static_cast<unsigned char>(c);
    count += ((byte & 0xc0U) != 0x80U ? 1U : 0U) + (byte >= 0xf0U ? 1U : 0U);
  }
  return count;
}

/// Everything is as long and as odd as it may be.
BotActions::Snapshot monster(int number) {
  const std::string odd = "<&>\"" + std::string(300, '<');
  auto client = *bot_client(std::string(96, 'x') + std::to_string(1000 + number), State::danger, at(0));
  client.last_report.public_ip = odd;
  client.last_report.location = LocationReport{odd, odd, odd, odd, odd};
  client.last_report.tunnel = TunnelReport{odd, odd, true, {}, {}, {}, {}};
  client.last_report.client_version = odd;
  client.findings.clear();
  for (int i = 0; i < 100; ++i) client.findings.push_back(test::finding("code_" + odd, Severity::danger, at(0)));
  for (int i = 0; i < 200; ++i) client.members.push_back({std::string(100, 'm'), State::danger, at(0), true});
  return std::make_shared<const ClientState>(std::move(client));
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_worst_come_first) {
  test::BotWorld world;
  const auto page = status_page(world.clients, {}, 0, false, at(60));
  const auto place = [&](std::string_view id) { return page.html.find("<code>" + std::string(id) + "</code>"); };
  BOOST_TEST(place("office-2") < place("home"));
  BOOST_TEST(place("home") < place("office-1"));
  BOOST_TEST(has(page.html, "1 danger"));
  BOOST_TEST(has(page.html, "DANGER</b> for 50 s"));
  BOOST_TEST(has(page.html, "198.51.100.2"));
  BOOST_TEST(page.pages == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_that_is_offline_is_never_called_secure) {
  const auto page = status_page({bot_client("home", State::offline, at(0))}, {}, 0, false, at(60));
  BOOST_TEST(has(page.html, "OFFLINE"));
  BOOST_TEST(!has(page.html, "🟢"));
}

BOOST_AUTO_TEST_CASE(every_page_fits_into_a_message_and_every_client_is_on_one) {
  std::vector<BotActions::Snapshot> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(monster(i));
  std::size_t seen = 0;
  const auto pages = status_page(clients, {}, 0, false, at(60)).pages;
  for (std::size_t number = 0; number < pages; ++number) {
    const auto page = status_page(clients, {}, number, false, at(60));
    BOOST_TEST(units(page.html) <= 4096U);
    for (auto found = page.html.find("xxx1"); found != std::string::npos; found = page.html.find("xxx1", found + 1)) ++seen;
  }
  BOOST_TEST(seen == 100U);
  BOOST_TEST(status_page(clients, {}, 9'999, false, at(60)).page == pages - 1);
  BOOST_TEST(units(client_answer(*clients.front(), {}, json(), false, at(60))) <= 4096U);
  BOOST_TEST(units(which_client_answer("xxx", clients)) <= 4096U);
}

BOOST_AUTO_TEST_CASE(without_addresses_nothing_tells_one) {
  const auto client = bot_client("office-1", State::warning, at(0));
  for (const auto& text : {status_page({client}, {}, 0, true, at(60)).html, client_answer(*client, {}, json(), true, at(60))}) {
    BOOST_TEST(!has(text, "198.51.100.2"), text);
    BOOST_TEST(!has(text, "Bucharest"), text);
    BOOST_TEST(has(text, "RO"), text);
  }
}

BOOST_AUTO_TEST_CASE(the_page_of_a_client_tells_why_and_what_to_do) {
  test::BotWorld world;
  const auto text = client_answer(*world.clients[1], {BotMute{"office-2", at(3600), "telegram:@ada"}}, world.incidents[7], false, at(60));
  BOOST_TEST(has(text, "DANGER: traffic can leave outside the VPN"));
  BOOST_TEST(has(text, "What to do"));
  BOOST_TEST(has(text, "Muted by telegram:@ada until 2026-11-21 11:00:00 UTC"));
  BOOST_TEST(has(text, "#7"));
  BOOST_TEST(has(text, "exposed 5 s"));
  BOOST_TEST(has(text, "Example &lt;Net&gt;"));
}

BOOST_AUTO_TEST_CASE(a_mute_that_has_ended_and_one_of_the_group_are_told_apart) {
  auto client = *bot_client("office-1", State::secure, at(0));
  client.last_report.group = "site";
  const std::vector<BotMute> mutes{{"office-1", at(30), "a"}, {"group:site", std::nullopt, "b"}};
  BOOST_TEST(has(client_answer(client, mutes, json(), false, at(60)), "Muted by b until it is taken back"));
  client.last_report.group.clear();
  BOOST_TEST(!has(client_answer(client, mutes, json(), false, at(60)), "Muted"));
}

BOOST_AUTO_TEST_CASE(a_part_of_a_name_finds_clients_and_the_whole_one_only_its_own) {
  const std::vector<BotActions::Snapshot> clients{bot_client("office", State::secure, at(0)), bot_client("office-1", State::secure, at(0)),
                                                  bot_client("home", State::secure, at(0))};
  BOOST_TEST(named_clients(clients, "office").size() == 1U);
  BOOST_TEST(named_clients(clients, "OFFICE").size() == 1U);
  BOOST_TEST(named_clients(clients, "off").size() == 2U);
  BOOST_TEST(named_clients(clients, "nobody").empty());
}

BOOST_AUTO_TEST_CASE(incidents_that_go_on_come_before_those_that_ended) {
  test::BotWorld world;
  const auto goes_on = incidents_page(json::array({world.incidents[7]}), json::array(), 0, at(70)).html;
  BOOST_TEST(has(goes_on, "1 incident goes on"));
  BOOST_TEST(has(goes_on, "goes on for 1 min"));
  auto ended = world.incidents[7];
  ended["end"] = to_rfc3339(at(40));
  const auto latest = incidents_page(json::array(), json::array({ended}), 0, at(70)).html;
  BOOST_TEST(has(latest, "No incident goes on"));
  BOOST_TEST(has(latest, "lasted 30 s"));
  BOOST_TEST(has(incidents_page(json::array(), json::array(), 0, at(70)).html, "No incident is known"));
  BOOST_TEST(!incidents_page(json::array({1, nullptr, json::object()}), json(), 0, at(70)).html.empty());
}

BOOST_AUTO_TEST_CASE(a_mute_in_danger_says_so) {
  const BotMute mute{"office-2", at(3600), "telegram:@ada"};
  BOOST_TEST(has(muted_answer(mute, true, at(0)), "in danger now"));
  BOOST_TEST(!has(muted_answer(mute, false, at(0)), "in danger now"));
  BOOST_TEST(has(muted_answer(mute, false, at(4000)), "is not muted"));
}

BOOST_AUTO_TEST_SUITE_END()
