#include <boost/test/unit_test.hpp>

#include "probe/app/probe_settings.hpp"

using namespace vpn_sentinel;

namespace {

Result<std::vector<std::string>> tags_of(const std::string& text) {
  const auto loaded = load_settings(probe_setting_rows(), {}, {{"VPN_SENTINEL_NETNS", "name:vpn"}, {"VPN_SENTINEL_TAGS", text}}, "", false);
  if (!loaded) return fail(loaded.error());
  const auto config = make_probe_config(*loaded);
  if (!config) return fail(config.error());
  return config->targets.front().tags;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tag_settings)

BOOST_AUTO_TEST_CASE(tags_are_words_in_the_order_of_the_user) {
  BOOST_TEST(tags_of("").value().empty());
  BOOST_TEST((tags_of("nas-2, home,Attic_1.b").value() == std::vector<std::string>{"nas-2", "home", "Attic_1.b"}));
}

BOOST_AUTO_TEST_CASE(what_the_hub_would_refuse_is_refused_at_the_start) {
  std::string seventeen;
  for (int i = 0; i < 17; ++i) seventeen += "w" + std::to_string(i) + ",";
  for (const std::string& wrong :
       {std::string("two words"), std::string("<b>"), std::string(33, 'x'), std::string("home,nas,home"), seventeen}) {
    const auto tags = tags_of(wrong);
    BOOST_TEST_REQUIRE(!tags.has_value(), wrong);
    BOOST_TEST(tags.error().message.starts_with("VPN_SENTINEL_TAGS = '"), tags.error().message);
  }
}

BOOST_AUTO_TEST_SUITE_END()
