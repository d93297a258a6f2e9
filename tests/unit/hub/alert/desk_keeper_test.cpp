#include "hub/alert/desk_keeper.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/alert/make_desk.hpp"

BOOST_AUTO_TEST_SUITE(desk_keeper)

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

Change fall_of(const std::string& client_id) {
  Change change;
  change.kind = Change::Kind::state_changed;
  change.client_id = client_id;
  change.from = State::secure;
  change.to = State::danger;
  change.at = change.noticed = at(0);
  change.client.client_id = client_id;
  change.client.state = State::danger;
  return change;
}

std::vector<std::string> channels_of(const AlertDesk::Outcome& outcome) {
  std::vector<std::string> channels;
  for (const auto& alert : outcome.alerts) channels.push_back(alert.channel);
  return channels;
}

DeskSettings rule_for(const std::string& name, const std::string& channel) {
  return {{rule_of(R"({"name":")" + name + R"(","on":"state","channels":[")" + channel + R"("]})")}, {channel}};
}

Kept kept_rule(const std::string& name, const std::string& channel) {
  return {name, R"({"name":")" + name + R"(","on":"state","channels":[")" + channel + R"("]})"};
}

std::vector<std::string> told_of(DeskKeeper& keeper, const std::string& client_id) {
  keeper.begin();
  keeper.on_change(fall_of(client_id), false, std::nullopt, at(0));
  return channels_of(keeper.finish(at(0)));
}

using Names = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_that_is_read_again_within_a_transaction_counts_from_the_next_one_on) {
  DeskKeeper keeper(rule_for("old", "phone"));
  keeper.restore({}, {}, {}, at(0));
  BOOST_TEST(keeper.is_in_force());
  keeper.begin();
  for (int i = 0; i < 12; ++i) keeper.on_change(fall_of("a" + std::to_string(i)), false, std::nullopt, at(0));
  keeper.use(rule_for("new", "mail"));
  BOOST_TEST(channels_of(keeper.finish(at(0))) == Names{"phone"}, boost::test_tools::per_element());
  BOOST_TEST(!keeper.is_in_force());
  BOOST_TEST(keeper.next_alarm().has_value());
  BOOST_TEST(told_of(keeper, "b") == Names{"mail"}, boost::test_tools::per_element());
  BOOST_TEST(keeper.is_in_force());
  BOOST_TEST(keeper.rules().at(0).name == "new");
}

BOOST_AUTO_TEST_CASE(what_a_transaction_told_before_rules_of_the_api_changed_in_it_is_told_once) {
  DeskKeeper keeper({{}, {"phone", "mail"}});
  keeper.restore({}, {}, {}, at(0));
  keeper.begin();
  for (int i = 0; i < 12; ++i) keeper.on_change(fall_of("a" + std::to_string(i)), false, std::nullopt, at(0));
  keeper.on_rules({kept_rule("leak", "mail"), kept_rule("other", "mail")}, at(0));
  BOOST_TEST(channels_of(keeper.finish(at(0))) == (Names{"phone", "mail"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rules_of_a_transaction_that_fails_are_not_in_force) {
  DeskKeeper keeper({{}, {"phone", "mail"}});
  keeper.restore({}, {kept_rule("leak", "phone")}, {}, at(0));
  keeper.begin();
  keeper.on_rules({kept_rule("leak", "mail")}, at(0));
  static_cast<void>(keeper.finish(at(0)));
  keeper.take_back();
  BOOST_TEST(keeper.rules().at(0).channels == Names{"phone"}, boost::test_tools::per_element());
  BOOST_TEST(told_of(keeper, "a").at(0) == "phone");
}

BOOST_AUTO_TEST_CASE(a_rule_of_the_api_whose_channel_the_file_has_no_more_tells_on_all) {
  DeskKeeper keeper({{}, {"phone", "mail"}});
  keeper.restore({}, {kept_rule("leak", "phone")}, {}, at(0));
  keeper.use({{}, {"mail", "desk"}});
  BOOST_TEST(told_of(keeper, "a") == (Names{"mail", "desk"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
