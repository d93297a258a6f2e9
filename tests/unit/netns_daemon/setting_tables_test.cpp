// The real tables of both daemons: every row is usable as it stands.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "hub/app/hub_settings.hpp"
#include "netns/daemon/settings.hpp"
#include "probe/app/probe_settings.hpp"

using namespace vpn_sentinel;

namespace {

bool is_word(std::string_view text, char first, char last) {
  return !text.empty() && text.front() >= first && text.front() <= last &&
         std::ranges::all_of(text, [&](char c) { return (c >= first && c <= last) || (c >= '0' && c <= '9') || c == '_'; });
}

void check_table(std::span<const SettingRow> rows) {
  std::set<std::string_view> keys;
  std::set<std::string_view> names;
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.key) {
      BOOST_TEST(is_word(row.key, 'a', 'z'));
      BOOST_TEST(is_word(row.environment, 'A', 'Z'));
      BOOST_TEST(keys.insert(row.key).second);
      BOOST_TEST(names.insert(row.environment).second);
      if (!row.alias.empty()) BOOST_TEST(names.insert(row.alias).second);
      BOOST_TEST((!row.help.empty() && row.help.back() != '.' && row.help.find('\n') == std::string_view::npos &&
                  row.help.find('|') == std::string_view::npos));
      BOOST_TEST((row.most == 0 || row.least <= row.most));
      BOOST_TEST(row.default_value.find_first_of("\"\\\n") == std::string_view::npos);  // it is written into TOML as it stands
      const auto taken = Settings(rows).set(row.key, std::string(row.default_value), "default");
      BOOST_TEST(taken.has_value(), (taken ? "" : taken.error().message));
    }
  }
  for (const auto& row : rows) {
    if (row.type == SettingRow::Type::secret) BOOST_TEST(keys.count(std::string(row.key) + "_file") == 0U, row.key);
    if (row.type == SettingRow::Type::secret) BOOST_TEST(row.default_value.empty(), row.key);
  }
  BOOST_TEST(load_settings(rows, {}, {}, "", false).has_value());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(setting_tables)

BOOST_AUTO_TEST_CASE(the_table_of_the_probe_is_consistent) { check_table(probe_setting_rows()); }
BOOST_AUTO_TEST_CASE(the_table_of_the_hub_is_consistent) { check_table(hub_setting_rows()); }

BOOST_AUTO_TEST_CASE(a_lease_lasts_for_two_intervals_and_a_try_through_a_dead_tunnel) {
  Settings settings(probe_setting_rows());
  BOOST_REQUIRE(settings.set("url", "http://192.0.2.1:5000", "test").has_value());
  BOOST_REQUIRE(settings.set("interval", "1s", "test").has_value());
  const auto config = make_probe_config({settings, {}, {}});
  BOOST_REQUIRE_MESSAGE(config.has_value(), (config ? "" : config.error().message));
  BOOST_TEST((config->lease == std::chrono::seconds{5}));
}

BOOST_AUTO_TEST_CASE(the_probe_keeps_the_names_and_defaults_that_users_of_the_python_original_know) {
  const Settings settings(probe_setting_rows());
  BOOST_TEST(settings.text("api_path") == "/api/v1");
  BOOST_TEST(!settings.boolean("allow_insecure"));
  const auto names = [] {
    std::set<std::string_view> all;
    for (const auto& row : probe_setting_rows()) all.insert({row.environment, row.alias});
    return all;
  }();
  for (const auto* const name :
       {"VPN_SENTINEL_URL", "VPN_SENTINEL_API_PATH", "VPN_SENTINEL_API_KEY", "VPN_SENTINEL_CLIENT_ID", "VPN_SENTINEL_INTERVAL", "INTERVAL",
        "VPN_SENTINEL_TIMEOUT", "TIMEOUT", "VPN_SENTINEL_TLS_CERT_PATH", "VPN_SENTINEL_ALLOW_INSECURE"}) {
    BOOST_TEST(names.count(name) == 1U, name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
