#include "hub/app/hub_settings.hpp"

#include <sodium.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "hub/app/key_commands.hpp"

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
  BOOST_TEST(config.client_limits.all == 100'000U);
  BOOST_TEST(config.client_limits.per_key == 10'000U);
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

BOOST_AUTO_TEST_CASE(an_admin_of_the_settings_opens_the_dashboard_and_whoever_binds_it_by_hand_has_to_log_in) {
  const auto admin = config_of({{"VPN_SENTINEL_ADMIN_USER", "anna"}, {"VPN_SENTINEL_ADMIN_PASSWORD", "a long password"}}).value();
  BOOST_TEST(endpoints(admin.dashboard_endpoints) == "0.0.0.0:8080 [::]:8080");
  const auto bound = config_of({{"VPN_SENTINEL_DASHBOARD_BIND", "192.0.2.1"}}).value();
  BOOST_TEST(endpoints(bound.dashboard_endpoints) == "192.0.2.1:8080");
}

BOOST_AUTO_TEST_CASE(a_log_in_that_can_be_read_on_the_way_is_warned_of) {
  const auto warning = [](const Environment& environment) {
    const auto config = config_of(environment).value();
    return warning_of_plain_log_in(config.dashboard_endpoints, config.tls.has_value(), config.trusted_proxies);
  };
  const Environment open{{"VPN_SENTINEL_DASHBOARD_PASSWORD", "p"}, {"VPN_SENTINEL_DASHBOARD_BIND", "0.0.0.0"}};
  const auto with = [&](const char* name, const char* value) {
    auto more = open;
    more[name] = value;
    return more;
  };
  BOOST_TEST(warning({}).empty());
  BOOST_TEST(warning(open).starts_with("The dashboard is reached from other machines by plain HTTP"));
  BOOST_TEST(warning(with("VPN_SENTINEL_DASHBOARD_BIND", "127.0.0.1,::1")).empty());
  BOOST_TEST(warning(with("VPN_SENTINEL_SERVER_TRUSTED_PROXIES", "192.0.2.1")).empty());
  BOOST_TEST(warning(with("VPN_SENTINEL_SERVER_WEB_DASHBOARD_ENABLED", "false")).empty());
  const auto config = config_of(open).value();
  BOOST_TEST(warning_of_plain_log_in(config.dashboard_endpoints, true, {}).empty());
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

BOOST_AUTO_TEST_CASE(nobody_is_public_by_default_and_a_pick_that_is_none_is_told) {
  BOOST_TEST(config_of({}).value().status_page.empty());
  const auto config =
      config_of({{"VPN_SENTINEL_STATUS_PAGE", "nas=The store room,office-*"}, {"VPN_SENTINEL_STATUS_PAGE_TITLE", "Ours"}}).value();
  BOOST_TEST_REQUIRE(config.status_page.size() == 2U);
  BOOST_TEST(config.status_page[0].name == "The store room");
  BOOST_TEST(config.status_page_title == "Ours");
  const auto wrong = config_of({{"VPN_SENTINEL_STATUS_PAGE", "nas,office-*=All"}});
  BOOST_TEST(wrong.error().message.starts_with("VPN_SENTINEL_STATUS_PAGE = 'office-*=All'"));
  BOOST_TEST(!config_of({{"VPN_SENTINEL_STATUS_PAGE_TITLE", std::string(81, 'x')}}));
}

BOOST_AUTO_TEST_CASE(the_hub_asks_where_it_is_unless_that_is_switched_off) {
  BOOST_TEST(config_of({}).value().trace_urls.size() == 3U);
  BOOST_TEST(config_of({{"VPN_SENTINEL_SERVER_OWN_ADDRESS", "false"}}).value().trace_urls.empty());
  BOOST_TEST(!config_of({{"VPN_SENTINEL_TRACE_URLS", "ftp://192.0.2.1"}}));
  BOOST_TEST(!config_of({{"VPN_SENTINEL_IPINFO_URL", "ipinfo"}}));
  BOOST_TEST(config_of({{"VPN_SENTINEL_IPINFO_URL", "none"}}).value().ipinfo_url.empty());
}

BOOST_AUTO_TEST_CASE(the_allow_list_takes_addresses_and_networks) {
  const auto config = config_of({{"VPN_SENTINEL_SERVER_ALLOWED_IPS", "192.0.2.7, 198.51.100.0/24,2001:db8::/32"}}).value();
  BOOST_TEST_REQUIRE(config.allowed.size() == 3U);
  BOOST_TEST(config.allowed[0].to_string() == "192.0.2.7/32");
}

BOOST_AUTO_TEST_CASE(mapped_networks_mean_ipv4_and_proxies_are_read_like_the_allow_list) {
  const auto config = config_of({{"VPN_SENTINEL_SERVER_ALLOWED_IPS", "::ffff:192.0.2.0/120"},
                                 {"VPN_SENTINEL_SERVER_TRUSTED_PROXIES", "127.0.0.1, 2001:db8::/48"},
                                 {"VPN_SENTINEL_SERVER_RATE_LIMIT", "0"}})
                          .value();
  BOOST_TEST(config.allowed.at(0).to_string() == "192.0.2.0/24");
  BOOST_TEST(config.trusted_proxies.at(1).to_string() == "2001:db8::/48");
  BOOST_TEST(config.rate_limit == 0U);
  BOOST_TEST(config_of({}).value().rate_limit == 6000U);
  BOOST_TEST(config_of({}).value().trusted_proxies.empty());
}

BOOST_AUTO_TEST_CASE(dashboard_and_health_pages_have_lists_and_limits_of_their_own) {
  const auto usual = config_of({{"VPN_SENTINEL_SERVER_ALLOWED_IPS", "192.0.2.7"}, {"VPN_SENTINEL_SERVER_RATE_LIMIT", "5"}}).value();
  BOOST_TEST((usual.dashboard_access.allowed.empty() && usual.health_access.allowed.empty()));
  BOOST_TEST(usual.dashboard_access.rate_limit == 6000U);
  BOOST_TEST(usual.health_access.rate_limit == 600U);
  const auto set = config_of({{"VPN_SENTINEL_DASHBOARD_ALLOWED_IPS", "::ffff:192.0.2.0/120, 2001:db8::/48"},
                              {"VPN_SENTINEL_DASHBOARD_RATE_LIMIT", "7"},
                              {"VPN_SENTINEL_HEALTH_ALLOWED_IPS", "198.51.100.0/24"},
                              {"VPN_SENTINEL_HEALTH_RATE_LIMIT", "0"}})
                       .value();
  BOOST_TEST(set.dashboard_access.allowed.at(0).to_string() == "192.0.2.0/24");
  BOOST_TEST(set.dashboard_access.allowed.at(1).to_string() == "2001:db8::/48");
  BOOST_TEST(set.dashboard_access.rate_limit == 7U);
  BOOST_TEST(set.health_access.allowed.at(0).to_string() == "198.51.100.0/24");
  BOOST_TEST(set.health_access.rate_limit == 0U);
  BOOST_TEST(config_of({{"VPN_SENTINEL_HEALTH_ALLOWED_IPS", "home"}}).error().message.find("VPN_SENTINEL_HEALTH_ALLOWED_IPS") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_clients_key_opens_the_api_as_a_shared_one_does) {
  BOOST_REQUIRE(sodium_init() >= 0);
  const auto folder = std::filesystem::temp_directory_path() / ("hub_settings_test." + std::to_string(getpid()));
  const Environment here{{"VPN_SENTINEL_DATA_DIR", folder.string()}};
  BOOST_TEST(add_key(folder.string(), {"office", {"*"}, false}, wall_now()).has_value());
  const auto config = config_of(here);
  std::ofstream(folder / "keys.jsonl") << "{}";
  const auto wrong = config_of(here);
  std::filesystem::remove_all(folder);
  BOOST_TEST_REQUIRE(config.has_value());
  BOOST_TEST(endpoints(config->api_endpoints) == "0.0.0.0:5000 [::]:5000");
  BOOST_TEST(!access_rules(*config).keys.empty());
  BOOST_TEST_REQUIRE(!wrong.has_value());
  BOOST_TEST(wrong.error().message.find("keys.jsonl, line 1: name") != std::string::npos, wrong.error().message);
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

BOOST_AUTO_TEST_CASE(the_bot_answers_where_alerts_go_unless_somebody_says_otherwise) {
  BOOST_TEST(config_of({{"TELEGRAM_BOT_TOKEN", "t"}, {"TELEGRAM_CHAT_ID", "42"}}).value().telegram_commands);
  BOOST_TEST(!config_of({}).value().telegram_commands);
  BOOST_TEST(!config_of({{"TELEGRAM_BOT_TOKEN", "t"}, {"TELEGRAM_CHAT_ID", "42"}, {"VPN_SENTINEL_TELEGRAM_COMMANDS", "False"}})
                  .value()
                  .telegram_commands);
  const auto chats = config_of({{"VPN_SENTINEL_TELEGRAM_COMMAND_CHATS", "-1001, 42, @office_alerts"}}).value().telegram_command_chats;
  BOOST_TEST((chats == std::vector<std::string>{"-1001", "42", "@office_alerts"}));
}

struct Refused {
  Environment environment;
  std::vector<std::string> words;  ///< the message must hold all of them
};

BOOST_AUTO_TEST_CASE(what_is_unsafe_or_nonsense_is_refused_by_name_and_value) {
  const std::vector<Refused> table{
      {{{"VPN_SENTINEL_TELEGRAM_COMMANDS", "yes"}}, {"VPN_SENTINEL_TELEGRAM_COMMANDS", "yes", "true, false or auto"}},
      {{{"VPN_SENTINEL_TELEGRAM_COMMANDS", "true"}}, {"VPN_SENTINEL_TELEGRAM_COMMANDS", "TELEGRAM_BOT_TOKEN"}},
      {{{"VPN_SENTINEL_TELEGRAM_COMMAND_CHATS", "42, office"}}, {"VPN_SENTINEL_TELEGRAM_COMMAND_CHATS", "office", "@name"}},
      {{{"VPN_SENTINEL_SERVER_BIND", "0.0.0.0"}}, {"VPN_SENTINEL_SERVER_BIND", "0.0.0.0", "VPN_SENTINEL_API_KEY"}},
      {{{"VPN_SENTINEL_SERVER_BIND", "::"}}, {"VPN_SENTINEL_API_KEY"}},
      {{{"VPN_SENTINEL_SERVER_BIND", "hub.example"}}, {"hub.example"}},
      {{{"VPN_SENTINEL_ADMIN_USER", "anna"}}, {"VPN_SENTINEL_ADMIN_USER", "VPN_SENTINEL_ADMIN_PASSWORD"}},
      {{{"VPN_SENTINEL_ADMIN_PASSWORD", "a long password"}}, {"VPN_SENTINEL_ADMIN_USER", "VPN_SENTINEL_ADMIN_PASSWORD"}},
      {{{"VPN_SENTINEL_ADMIN_USER", "a b"}, {"VPN_SENTINEL_ADMIN_PASSWORD", "a long password"}}, {"VPN_SENTINEL_ADMIN_USER", "a b"}},
      {{{"VPN_SENTINEL_ADMIN_USER", "anna"}, {"VPN_SENTINEL_ADMIN_PASSWORD", "short"}}, {"VPN_SENTINEL_ADMIN_PASSWORD", "10-1024"}},
      {{{"VPN_SENTINEL_FORWARD_AUTH_HEADER", "Remote-User"}}, {"VPN_SENTINEL_FORWARD_AUTH_PROXIES is not"}},
      {{{"VPN_SENTINEL_FORWARD_AUTH_PROXIES", "192.0.2.1"}}, {"VPN_SENTINEL_FORWARD_AUTH_HEADER is not"}},
      {{{"VPN_SENTINEL_FORWARD_AUTH_HEADER", "Remote User"}, {"VPN_SENTINEL_FORWARD_AUTH_PROXIES", "192.0.2.1"}}, {"Remote User"}},
      {{{"VPN_SENTINEL_SERVER_API_PORT", "65536"}}, {"VPN_SENTINEL_SERVER_API_PORT", "65536"}},
      {{{"VPN_SENTINEL_API_KEY", "k"}, {"VPN_SENTINEL_SERVER_HEALTH_PORT", "8080"}},
       {"VPN_SENTINEL_SERVER_HEALTH_PORT", "VPN_SENTINEL_SERVER_DASHBOARD_PORT"}},
      {{{"VPN_SENTINEL_SERVER_BIND", "127.0.0.1"}, {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "5000"}},
       {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "VPN_SENTINEL_SERVER_API_PORT"}},
      {{{"VPN_SENTINEL_DASHBOARD_PASSWORD", "p"}, {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "5000"}},
       {"VPN_SENTINEL_SERVER_DASHBOARD_PORT", "VPN_SENTINEL_SERVER_API_PORT"}},
      {{{"VPN_SENTINEL_SERVER_ALLOWED_IPS", "192.0.2.0/33"}}, {"192.0.2.0/33"}},
      {{{"VPN_SENTINEL_SERVER_TRUSTED_PROXIES", "proxy.example"}}, {"VPN_SENTINEL_SERVER_TRUSTED_PROXIES", "proxy.example"}},
      {{{"VPN_SENTINEL_SERVER_RATE_LIMIT", "-1"}}, {"VPN_SENTINEL_SERVER_RATE_LIMIT"}},
      {{{"VPN_SENTINEL_SERVER_RATE_LIMIT", "lots"}}, {"VPN_SENTINEL_SERVER_RATE_LIMIT", "lots"}},
      {{{"VPN_SENTINEL_TELEGRAM_ENABLED", "true"}}, {"TELEGRAM_BOT_TOKEN"}},
      {{{"TELEGRAM_CHAT_ID", "1"}}, {"TELEGRAM_CHAT_ID", "TELEGRAM_BOT_TOKEN"}},
      {{{"TELEGRAM_BOT_TOKEN", "t"}}, {"TELEGRAM_BOT_TOKEN is set", "TELEGRAM_CHAT_ID is not"}},
      {{{"VPN_SENTINEL_TELEGRAM_ENABLED", "maybe"}}, {"maybe"}},
      {{{"VPN_SENTINEL_TELEGRAM_API_URL", "ftp://x"}}, {"ftp://x"}},
      {{{"VPN_SENTINEL_TLS_CERT_PATH", "/cert.pem"}}, {"VPN_SENTINEL_TLS_CERT_PATH", "VPN_SENTINEL_TLS_KEY_PATH is not set"}},
      {{{"VPN_SENTINEL_TLS_KEY_PATH", "/key.pem"}}, {"VPN_SENTINEL_TLS_KEY_PATH", "VPN_SENTINEL_TLS_CERT_PATH is not set"}},
      {{{"VPN_SENTINEL_TLS_CERT_PATH", "/missing.pem"}, {"VPN_SENTINEL_TLS_KEY_PATH", "/missing.key"}},
       {"VPN_SENTINEL_TLS_CERT_PATH", "/missing.pem", "No such file"}},
      {{{"VPN_SENTINEL_TLS_CLIENT_CERT", "maybe"}}, {"VPN_SENTINEL_TLS_CLIENT_CERT", "maybe", "required"}},
      {{{"VPN_SENTINEL_TLS_CLIENT_CERT", "required"}}, {"VPN_SENTINEL_TLS_CLIENT_CERT", "VPN_SENTINEL_TLS_CLIENT_CA_PATH is not set"}},
      {{{"VPN_SENTINEL_TLS_CLIENT_CA_PATH", "/ca.pem"}}, {"VPN_SENTINEL_TLS_CLIENT_CA_PATH", "VPN_SENTINEL_TLS_CLIENT_CERT is off"}},
      {{{"VPN_SENTINEL_SERVER_CONNECTIONS_PER_ADDRESS", "0"}}, {"VPN_SENTINEL_SERVER_CONNECTIONS_PER_ADDRESS"}},
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

BOOST_AUTO_TEST_CASE(listeners_are_shared_whatever_the_order_of_their_addresses) {
  const auto v4 = Endpoint::parse("127.0.0.1:5000", 0).value();
  const auto v6 = Endpoint::parse("[::1]:5000", 0).value();
  const auto other = Endpoint::parse("127.0.0.1:8081", 0).value();
  const Endpoint any_port{v4.address, 0};
  BOOST_TEST(is_one_place({v4, v6}, {v6, v4}));
  BOOST_TEST(!is_one_place({v4, v6}, {v4}));
  BOOST_TEST(!is_one_place({v4}, {other}));
  BOOST_TEST(!is_one_place({any_port}, {any_port}));
  BOOST_TEST(!is_one_place({}, {}));
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
