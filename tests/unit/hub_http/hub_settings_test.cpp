#include "hub/app/hub_settings.hpp"

#include <boost/test/unit_test.hpp>
#include <map>

namespace vpn_sentinel {
namespace {

using Environment = std::map<std::string, std::string>;

Result<HubConfig> config_of(const Environment& environment, bool has_ipv6 = true) {
  const auto loaded = load_settings(hub_setting_rows(), {}, environment, "", false);
  if (!loaded) return fail(loaded.error());
  return make_hub_config(loaded->global, has_ipv6);
}

std::string endpoints(const std::vector<Endpoint>& list) {
  std::string text;
  for (const auto& endpoint : list) text += (text.empty() ? "" : " ") + endpoint.to_string();
  return text;
}

BOOST_AUTO_TEST_SUITE(hub_settings)

BOOST_AUTO_TEST_CASE(without_a_key_everything_stays_on_loopback) {
  const auto config = config_of({}).value();
  BOOST_TEST(endpoints(config.api_endpoints) == "127.0.0.1:5000 [::1]:5000");
  BOOST_TEST(endpoints(config.dashboard_endpoints) == "127.0.0.1:8080 [::1]:8080");
  BOOST_TEST(endpoints(config.health_endpoints) == "127.0.0.1:8081 [::1]:8081");
  BOOST_TEST(config.api_prefix == "/api/v1");
  BOOST_TEST(config.data_dir == "/var/lib/vpn-sentinel");
  BOOST_TEST(config.client_timeout.count() == 30);
  BOOST_TEST(config.keep_reports.count() == 720);
  BOOST_TEST(config.most_database_bytes == std::uint64_t{2} * 1024 * 1024 * 1024);
  BOOST_TEST(config.io_threads >= 1U);
  BOOST_TEST(!config.telegram.has_value());
}

BOOST_AUTO_TEST_CASE(a_key_opens_the_api_and_a_password_the_dashboard) {
  const auto key = config_of({{"VPN_SENTINEL_API_KEY", "k"}}).value();
  BOOST_TEST(endpoints(key.api_endpoints) == "0.0.0.0:5000 [::]:5000");
  BOOST_TEST(endpoints(key.health_endpoints) == "0.0.0.0:8081 [::]:8081");
  BOOST_TEST(endpoints(key.dashboard_endpoints) == "127.0.0.1:8080 [::1]:8080");
  const auto password = config_of({{"VPN_SENTINEL_DASHBOARD_PASSWORD", "p"}}).value();
  BOOST_TEST(endpoints(password.dashboard_endpoints) == "0.0.0.0:8080 [::]:8080");
  BOOST_TEST(endpoints(password.api_endpoints) == "127.0.0.1:5000 [::1]:5000");
}

BOOST_AUTO_TEST_CASE(a_machine_without_ipv6_gets_ipv4_by_default_but_what_was_asked_for_stays) {
  BOOST_TEST(endpoints(config_of({}, false).value().api_endpoints) == "127.0.0.1:5000");
  BOOST_TEST(endpoints(config_of({{"VPN_SENTINEL_SERVER_BIND", "::1"}}, false).value().api_endpoints) == "[::1]:5000");
}

BOOST_AUTO_TEST_CASE(port_0_and_false_switch_listeners_off) {
  const auto config = config_of({{"VPN_SENTINEL_SERVER_API_PORT", "0"},
                                 {"VPN_SENTINEL_SERVER_HEALTH_PORT", "0"},
                                 {"VPN_SENTINEL_SERVER_WEB_DASHBOARD_ENABLED", "false"}})
                          .value();
  BOOST_TEST(config.api_endpoints.empty());
  BOOST_TEST(config.health_endpoints.empty());
  BOOST_TEST(config.dashboard_endpoints.empty());
}

BOOST_AUTO_TEST_CASE(listeners_at_the_same_place_or_at_places_that_do_not_touch_are_fine) {
  const auto same = config_of({{"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "5000"}, {"VPN_SENTINEL_SERVER_HEALTH_PORT", "5000"}}).value();
  BOOST_TEST((same.dashboard_endpoints == same.api_endpoints && same.health_endpoints == same.api_endpoints));
  BOOST_TEST(config_of({{"VPN_SENTINEL_SERVER_BIND", "::1,127.0.0.1"}, {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "5000"}}).has_value());
  const Environment apart{{"VPN_SENTINEL_SERVER_BIND", "127.0.0.1"},
                          {"VPN_SENTINEL_DASHBOARD_BIND", "127.0.0.2,::1"},
                          {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "5000"}};
  BOOST_TEST(config_of(apart).has_value());
}

BOOST_AUTO_TEST_CASE(the_allow_list_takes_addresses_and_networks) {
  const auto config = config_of({{"VPN_SENTINEL_SERVER_ALLOWED_IPS", "192.0.2.7, 198.51.100.0/24,2001:db8::/32"}}).value();
  BOOST_TEST_REQUIRE(config.allowed.size() == 3U);
  BOOST_TEST(config.allowed[0].to_string() == "192.0.2.7/32");
}

BOOST_AUTO_TEST_CASE(telegram_needs_both_halves) {
  const auto both = config_of({{"TELEGRAM_BOT_TOKEN", "t"}, {"TELEGRAM_CHAT_ID", "42"}}).value();
  BOOST_TEST_REQUIRE(both.telegram.has_value());
  BOOST_TEST(both.telegram->chat_id == "42");
  BOOST_TEST(both.telegram->api_url == "https://api.telegram.org");
  BOOST_TEST(
      !config_of({{"TELEGRAM_BOT_TOKEN", "t"}, {"TELEGRAM_CHAT_ID", "42"}, {"VPN_SENTINEL_TELEGRAM_ENABLED", "FALSE"}}).value().telegram);
  BOOST_TEST(!config_of({{"TELEGRAM_BOT_TOKEN", "t"}, {"VPN_SENTINEL_TELEGRAM_ENABLED", "false"}}).value().telegram);
}

struct Refused {
  Environment environment;
  std::vector<std::string> words;  ///< the message must hold all of them
};

BOOST_AUTO_TEST_CASE(what_is_unsafe_or_nonsense_is_refused_by_name_and_value) {
  const std::vector<Refused> table{
      {{{"VPN_SENTINEL_SERVER_BIND", "0.0.0.0"}}, {"VPN_SENTINEL_SERVER_BIND", "0.0.0.0", "VPN_SENTINEL_API_KEY"}},
      {{{"VPN_SENTINEL_SERVER_BIND", "::"}}, {"VPN_SENTINEL_API_KEY"}},
      {{{"VPN_SENTINEL_SERVER_BIND", "hub.example"}}, {"hub.example"}},
      {{{"VPN_SENTINEL_DASHBOARD_BIND", "192.0.2.1"}}, {"VPN_SENTINEL_DASHBOARD_PASSWORD"}},
      {{{"VPN_SENTINEL_API_KEY", "k"}, {"VPN_SENTINEL_DASHBOARD_BIND", "192.0.2.1"}}, {"VPN_SENTINEL_DASHBOARD_PASSWORD"}},
      {{{"VPN_SENTINEL_SERVER_API_PORT", "65536"}}, {"VPN_SENTINEL_SERVER_API_PORT", "65536"}},
      {{{"VPN_SENTINEL_API_KEY", "k"}, {"VPN_SENTINEL_SERVER_HEALTH_PORT", "8080"}},
       {"VPN_SENTINEL_SERVER_HEALTH_PORT", "VPN_SENTINEL_SERVER_DASHBOARD_PORT"}},
      {{{"VPN_SENTINEL_SERVER_BIND", "127.0.0.1"}, {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "5000"}},
       {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "VPN_SENTINEL_SERVER_API_PORT"}},
      {{{"VPN_SENTINEL_DASHBOARD_PASSWORD", "p"}, {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "5000"}},
       {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "VPN_SENTINEL_SERVER_API_PORT"}},
      {{{"VPN_SENTINEL_SERVER_ALLOWED_IPS", "192.0.2.0/33"}}, {"192.0.2.0/33"}},
      {{{"VPN_SENTINEL_TELEGRAM_ENABLED", "true"}}, {"TELEGRAM_BOT_TOKEN"}},
      {{{"TELEGRAM_CHAT_ID", "1"}}, {"TELEGRAM_CHAT_ID", "TELEGRAM_BOT_TOKEN"}},
      {{{"TELEGRAM_BOT_TOKEN", "t"}}, {"TELEGRAM_BOT_TOKEN is set", "TELEGRAM_CHAT_ID is not"}},
      {{{"VPN_SENTINEL_TELEGRAM_ENABLED", "maybe"}}, {"maybe"}},
      {{{"VPN_SENTINEL_TELEGRAM_API_URL", "ftp://x"}}, {"ftp://x"}},
      {{{"VPN_SENTINEL_TLS_CERT_PATH", "/cert.pem"}}, {"VPN_SENTINEL_TLS_CERT_PATH", "TLS"}},
      {{{"VPN_SENTINEL_TLS_KEY_PATH", "/key.pem"}}, {"VPN_SENTINEL_TLS_KEY_PATH", "TLS"}},
      {{{"VPN_SENTINEL_DATA_DIR", "relative"}}, {"relative", "absolute"}},
      {{{"VPN_SENTINEL_LOG_LEVEL", "loud"}}, {"loud"}},
      {{{"VPN_SENTINEL_CA_FILE", "/does/not/exist"}}, {"/does/not/exist"}},
      {{{"VPN_SENTINEL_API_PATH", "/api v1"}}, {"/api v1"}},
      {{{"VPN_SENTINEL_API_PATH", "/{id}"}}, {"/{id}"}},
      {{{"VPN_SENTINEL_CLIENT_TIMEOUT_MINUTES", "0"}}, {"VPN_SENTINEL_CLIENT_TIMEOUT_MINUTES"}},
  };
  for (const auto& row : table) {
    BOOST_TEST_CONTEXT(row.environment.begin()->first << "=" << row.environment.begin()->second) {
      const auto config = config_of(row.environment);
      BOOST_TEST_REQUIRE(!config.has_value());
      for (const auto& word : row.words) BOOST_TEST(config.error().message.find(word) != std::string::npos, config.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(settings_that_differ_are_named) {
  const auto load = [](const Environment& environment) {
    return load_settings(hub_setting_rows(), {}, environment, "", false).value().global;
  };
  const auto names = differing_settings(load({{"VPN_SENTINEL_LOG_LEVEL", "debug"}}), load({{"VPN_SENTINEL_API_KEY", "k"}}));
  BOOST_TEST((names == std::vector<std::string>{"VPN_SENTINEL_API_KEY", "VPN_SENTINEL_LOG_LEVEL"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
