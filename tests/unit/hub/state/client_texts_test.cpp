#include "hub/state/client_texts.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(client_texts)

using namespace vpn_sentinel;
using test::at;

namespace {

std::shared_ptr<const ClientState> client(std::string client_id, State state) {
  ClientState made;
  made.client_id = std::move(client_id);
  made.state = state;
  made.since = at(0);
  return std::make_shared<const ClientState>(std::move(made));
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_same_state_is_written_once_and_another_one_anew) {
  ClientTexts texts;
  const auto before = client("a", State::secure);
  const auto text = texts.of(before);
  BOOST_TEST(nlohmann::json::parse(*text) == to_json(*before));
  BOOST_TEST((texts.of(before) == text));
  const auto after = client("a", State::danger);
  BOOST_TEST(nlohmann::json::parse(*texts.of(after)).at("state") == "danger");
  BOOST_TEST(nlohmann::json::parse(*texts.of(before)).at("state") == "secure");
}

BOOST_AUTO_TEST_CASE(texts_of_clients_that_are_gone_are_not_kept_for_good) {
  ClientTexts texts;
  const auto stays = client("a", State::secure);
  const auto text = texts.of(stays);
  for (int i = 0; i < 50; ++i) static_cast<void>(texts.of(client("gone-" + std::to_string(i), State::secure)));
  texts.trim(1);
  BOOST_TEST((texts.of(stays) == text));
  for (int i = 50; i < 150; ++i) static_cast<void>(texts.of(client("gone-" + std::to_string(i), State::secure)));
  texts.trim(1);
  BOOST_TEST((texts.of(stays) != text));
}

BOOST_AUTO_TEST_SUITE_END()
