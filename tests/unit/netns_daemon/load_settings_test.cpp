#include <fmt/format.h>

#include <boost/test/unit_test.hpp>

#include "netns/daemon/settings.hpp"
#include "tests/unit/netns_daemon/sample_rows.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_AUTO_TEST_SUITE(load)

BOOST_AUTO_TEST_CASE(a_flag_wins_over_the_environment_and_that_over_the_file_and_that_over_the_default) {
  const Variables flags{{"failures", "4"}};
  const Variables environment{{"VPN_SENTINEL_FAILURES", "5"}, {"VPN_SENTINEL_INTERVAL", "20s"}};
  const auto loaded = test::load(flags, environment, "failures = 6\ninterval = \"25s\"\nnetns = \"name:vpn\"\n").value();
  BOOST_TEST(loaded.global.integer("failures") == 4);
  BOOST_TEST((loaded.global.duration("interval") == std::chrono::seconds{20}));
  BOOST_TEST(loaded.global.text("netns") == "name:vpn");
  BOOST_TEST(loaded.global.text("url") == "http://127.0.0.1:5000");
  BOOST_TEST(loaded.global.origin("failures") == "flag --failures");
  BOOST_TEST(loaded.global.origin("interval") == "environment VPN_SENTINEL_INTERVAL");
  BOOST_TEST(loaded.global.origin("netns").ends_with(":3"));
  BOOST_TEST(loaded.global.origin("url") == "default");
  BOOST_TEST(loaded.targets.empty());
}

BOOST_AUTO_TEST_CASE(a_credential_of_systemd_wins_over_the_file_and_not_over_the_environment) {
  const auto folder = std::filesystem::temp_directory_path() / ("vpn-sentinel-" + random_hex(8));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "vpn-sentinel_api_key") << "from-systemd\n";
  const Variables environment{{"CREDENTIALS_DIRECTORY", folder.string()}};
  const auto loaded = test::load({}, environment, "api_key = \"from-file\"\n").value();
  BOOST_TEST(loaded.global.text("api_key") == "from-systemd");
  BOOST_TEST(loaded.global.origin("api_key") == "credential vpn-sentinel_api_key");
  Variables both = environment;
  both["VPN_SENTINEL_API_KEY"] = "from-environment";
  BOOST_TEST(test::load({}, both).value().global.text("api_key") == "from-environment");
  std::ofstream(folder / "vpn-sentinel_api_key", std::ios::trunc) << "";
  BOOST_TEST(error_of(test::load({}, environment)).find("the file is empty") != std::string::npos);
  std::filesystem::remove_all(folder);
  BOOST_TEST(!test::load({}, environment).value().global.is_set("api_key"));
}

BOOST_AUTO_TEST_CASE(a_command_finds_the_credentials_beside_its_file_unless_systemd_hands_over_others) {
  const auto folder = std::filesystem::temp_directory_path() / ("vpn-sentinel-" + random_hex(8));
  const auto file = folder / "hub.toml";
  std::filesystem::create_directories(folder / "hub.credentials");
  std::ofstream(file) << "api_key = \"from-file\"\n";
  std::ofstream(folder / "hub.credentials/api_key") << "from-folder\n";
  const auto loaded = load_settings(sample_rows, {}, {}, file.string(), true).value();
  BOOST_TEST(loaded.global.text("api_key") == "from-folder");
  BOOST_TEST(loaded.global.origin("api_key") == fmt::format("credential {}/hub.credentials/api_key", folder.string()));
  const Variables handed{{"CREDENTIALS_DIRECTORY", (folder / "nothing").string()}};
  BOOST_TEST(load_settings(sample_rows, {}, handed, file.string(), true).value().global.text("api_key") == "from-file");
  // A default file that is not there has such a folder all the same: secrets alone may be all that was set.
  std::filesystem::remove(file);
  BOOST_TEST(load_settings(sample_rows, {}, {}, file.string(), false).value().global.text("api_key") == "from-folder");
  std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_CASE(an_empty_variable_is_not_set) {
  const auto loaded =
      test::load({}, {{"VPN_SENTINEL_FAILURES", ""}, {"VPN_SENTINEL_API_KEY", ""}, {"VPN_SENTINEL_API_KEY_FILE", ""}}, "failures = 6")
          .value();
  BOOST_TEST(loaded.global.integer("failures") == 6);
  BOOST_TEST(!loaded.global.is_set("api_key"));
}

BOOST_AUTO_TEST_CASE(the_full_name_wins_over_its_short_form) {
  BOOST_TEST((test::load({}, {{"INTERVAL", "7"}}).value().global.duration("interval") == std::chrono::seconds{7}));
  const Variables both{{"INTERVAL", "7"}, {"VPN_SENTINEL_INTERVAL", "8"}};
  BOOST_TEST((test::load({}, both).value().global.duration("interval") == std::chrono::seconds{8}));
  const Variables full_is_empty{{"INTERVAL", "7"}, {"VPN_SENTINEL_INTERVAL", ""}};
  BOOST_TEST((test::load({}, full_is_empty).value().global.duration("interval") == std::chrono::seconds{7}));
}

BOOST_AUTO_TEST_CASE(values_of_the_file_may_have_their_own_types) {
  const auto loaded =
      test::load({}, {}, "failures = 7\ninsecure = true\ninterval = 2.5\nresolvers = [\"a\", \"b\"]\nurl = 'http://h'\n").value();
  BOOST_TEST(loaded.global.integer("failures") == 7);
  BOOST_TEST(loaded.global.boolean("insecure"));
  BOOST_TEST((loaded.global.duration("interval") == std::chrono::milliseconds{2500}));
  BOOST_TEST(loaded.global.list("resolvers") == (std::vector<std::string>{"a", "b"}), boost::test_tools::per_element());
  BOOST_TEST(test::load({}, {}, "resolvers = []").value().global.list("resolvers").empty());
  BOOST_TEST(test::load({}, {}, "failures = \"8\"").value().global.integer("failures") == 8);
}

BOOST_AUTO_TEST_CASE(a_bad_value_is_told_with_name_value_origin_and_what_was_expected) {
  BOOST_TEST(error_of(test::load({{"interval", "soon"}}, {})) ==
             "VPN_SENTINEL_INTERVAL = 'soon' (from flag --interval): expected a time such as 30s, 250ms or 5m, 1 to 3600 seconds");
  BOOST_TEST(error_of(test::load({}, {{"VPN_SENTINEL_FAILURES", "no"}})) ==
             "VPN_SENTINEL_FAILURES = 'no' (from environment VPN_SENTINEL_FAILURES): expected a whole number, 1 to 100");
  BOOST_TEST(
      error_of(test::load({}, {{"INTERVAL", "no"}})).starts_with("VPN_SENTINEL_INTERVAL = 'no' (from environment INTERVAL): expected"));
  const auto in_file = error_of(test::load({}, {}, "\nfailures = 1000\n"));
  BOOST_TEST(in_file.starts_with("VPN_SENTINEL_FAILURES = '1000' (from "), in_file);
  BOOST_TEST(in_file.ends_with(":2): expected a whole number, 1 to 100"), in_file);
}

BOOST_AUTO_TEST_CASE(a_bad_value_is_told_even_when_a_stronger_one_would_win) {
  BOOST_TEST(error_of(test::load({{"failures", "4"}}, {{"VPN_SENTINEL_FAILURES", "no"}})) != "loaded");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_or_flag_is_named) {
  const auto message = error_of(test::load({}, {}, "url = \"http://h\"\nintervall = 5\n"));
  BOOST_TEST(message.ends_with(":2: 'intervall' is no setting; see --print-sample-config for all names"), message);
  BOOST_TEST(error_of(test::load({{"intervall", "5"}}, {})) == "--intervall is no flag");
}

BOOST_AUTO_TEST_CASE(a_value_that_is_no_text_number_or_list_is_named) {
  for (const auto* const toml : {"url = 2026-11-21", "[url]\nx = 1", "resolvers = [[\"a\"]]", "resolvers = [{a = 1}]"}) {
    const auto message = error_of(test::load({}, {}, toml));
    BOOST_TEST(message.find("must be a text, a number, true, false or a list of those") != std::string::npos, message);
  }
}

BOOST_AUTO_TEST_CASE(broken_toml_is_told_with_line_and_column) {
  const TemporaryFile file("url = \"http://h\"\nfailures = = 3\n");
  const auto loaded = load_settings(sample_rows, {}, {}, file.path(), true);
  BOOST_TEST(error_of(loaded).starts_with(file.path() + ":2:"), error_of(loaded));
}

BOOST_AUTO_TEST_CASE(a_file_must_exist_only_when_it_was_asked_for) {
  BOOST_TEST(load_settings(sample_rows, {}, {}, "/nonexistent/probe.toml", false).has_value());
  BOOST_TEST(error_of(load_settings(sample_rows, {}, {}, "/nonexistent/probe.toml", true)) ==
             "/nonexistent/probe.toml: the configuration file cannot be read");
  BOOST_TEST(load_settings(sample_rows, {}, {}, "", true).has_value());
}

BOOST_AUTO_TEST_CASE(a_folder_instead_of_a_file_is_an_error_and_not_an_empty_file) {
  const auto folder = std::filesystem::temp_directory_path().string();
  BOOST_TEST(error_of(load_settings(sample_rows, {}, {}, folder, true)) == folder + ": the configuration file cannot be read");
  BOOST_TEST(error_of(load_settings(sample_rows, {}, {}, folder, false)) == folder + ": the configuration file cannot be read");
  BOOST_TEST(error_of(test::load({}, {{"VPN_SENTINEL_API_KEY_FILE", folder}})) ==
             "VPN_SENTINEL_API_KEY_FILE = '" + folder + "': the file cannot be read");
}

BOOST_AUTO_TEST_CASE(a_file_without_end_is_refused) {
  BOOST_TEST(error_of(load_settings(sample_rows, {}, {}, "/dev/zero", true)) == "/dev/zero: larger than 1 MiB");
  BOOST_TEST(error_of(test::load({}, {{"VPN_SENTINEL_API_KEY_FILE", "/dev/zero"}})) ==
             "VPN_SENTINEL_API_KEY_FILE = '/dev/zero': the file is larger than 1 MiB");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(load_targets)

BOOST_AUTO_TEST_CASE(each_target_is_a_copy_of_the_global_values_with_its_own) {
  const auto loaded = test::load({{"failures", "4"}}, {},
                                 "netns = \"self\"\n[[target]]\nnetns = \"name:a\"\n[[target]]\nnetns = \"name:b\"\nfailures = 9\n")
                          .value();
  BOOST_REQUIRE(loaded.targets.size() == 2U);
  BOOST_TEST(loaded.targets[0].text("netns") == "name:a");
  BOOST_TEST(loaded.targets[0].integer("failures") == 4);
  BOOST_TEST(loaded.targets[1].text("netns") == "name:b");
  BOOST_TEST(loaded.targets[1].integer("failures") == 9);
  BOOST_TEST(loaded.targets[1].origin("failures").ends_with(":6"));
  BOOST_TEST(loaded.global.text("netns") == "self");
}

BOOST_AUTO_TEST_CASE(who_names_a_target_by_flag_or_environment_gets_that_one_and_not_those_of_the_file) {
  const std::string two = "failures = 7\n[[target]]\nnetns = \"name:a\"\n[[target]]\nnetns = \"name:b\"\n";
  const struct {
    Variables flags;
    Variables environment;
    std::string named_by;
  } rows[]{
      {{{"netns", "name:c"}}, {}, "flag --netns"},
      {{}, {{"VPN_SENTINEL_NETNS", "name:c"}}, "environment VPN_SENTINEL_NETNS"},
      {{{"netns", "name:c"}}, {{"VPN_SENTINEL_NETNS", "name:d"}}, "flag --netns"},
  };
  for (const auto& row : rows) {
    const auto loaded = test::load(row.flags, row.environment, two).value();
    BOOST_TEST(loaded.targets.empty(), row.named_by);
    BOOST_TEST(loaded.global.text("netns") == "name:c");
    BOOST_TEST(loaded.global.integer("failures") == 7);
    BOOST_REQUIRE(loaded.warnings.size() == 1U);
    BOOST_TEST(loaded.warnings[0].ends_with(" have no effect: " + row.named_by + " names the target"), loaded.warnings[0]);
  }
}

BOOST_AUTO_TEST_CASE(other_flags_and_an_empty_variable_leave_the_targets_of_the_file) {
  const auto loaded = test::load({{"failures", "4"}}, {{"VPN_SENTINEL_NETNS", ""}}, "[[target]]\nnetns = \"name:a\"\n").value();
  BOOST_REQUIRE(loaded.targets.size() == 1U);
  BOOST_TEST(loaded.targets[0].text("netns") == "name:a");
  BOOST_TEST(loaded.targets[0].integer("failures") == 4);
  BOOST_TEST(loaded.warnings.empty());
}

BOOST_AUTO_TEST_CASE(a_named_target_needs_no_warning_when_the_file_has_none) {
  BOOST_TEST(test::load({{"netns", "name:c"}}, {}, "netns = \"name:a\"\n").value().warnings.empty());
}

BOOST_AUTO_TEST_CASE(what_is_the_same_for_all_targets_is_refused_in_a_target) {
  const auto message = error_of(test::load({}, {}, "[[target]]\nnetns = \"self\"\nurl = \"http://h\"\n"));
  BOOST_TEST(message.ends_with(":3: 'url' cannot differ between targets; move it above the first [[target]]"), message);
  const TemporaryFile secret("the-key");
  const auto by_file = error_of(test::load({}, {}, "[[target]]\napi_key_file = \"" + secret.path() + "\"\n"));
  BOOST_TEST(by_file.ends_with(":2: 'api_key_file' cannot differ between targets; move it above the first [[target]]"), by_file);
}

BOOST_AUTO_TEST_CASE(an_unknown_key_or_a_bad_value_in_a_target_is_named) {
  BOOST_TEST(error_of(test::load({}, {}, "[[target]]\nnope = 1\n")).find(":2: 'nope' is no setting") != std::string::npos);
  BOOST_TEST(error_of(test::load({}, {}, "[[target]]\ntarget = 1\n")).find(":2: 'target' is no setting") != std::string::npos);
  BOOST_TEST(error_of(test::load({}, {}, "[[target]]\nfailures = 0\n")).ends_with(":2): expected a whole number, 1 to 100"));
}

BOOST_AUTO_TEST_CASE(targets_that_are_no_tables_are_refused) {
  for (const auto* const toml : {"target = 5", "target = [1, 2]", "[target]\nnetns = \"self\"", "target = \"name:vpn\""}) {
    const auto message = error_of(test::load({}, {}, toml));
    BOOST_TEST(message.ends_with(": targets are written as [[target]] tables"), toml << ": " << message);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(load_secrets)

BOOST_AUTO_TEST_CASE(a_secret_may_come_from_a_file_named_by_the_environment_or_by_the_configuration) {
  const TemporaryFile secret("the key with spaces \r\n\n");
  const auto from_environment = test::load({}, {{"VPN_SENTINEL_API_KEY_FILE", secret.path()}}).value();
  BOOST_TEST(from_environment.global.text("api_key") == "the key with spaces ");
  BOOST_TEST(from_environment.global.origin("api_key") == "file " + secret.path());
  const auto from_file = test::load({}, {}, "api_key_file = \"" + secret.path() + "\"\n").value();
  BOOST_TEST(from_file.global.text("api_key") == "the key with spaces ");
}

BOOST_AUTO_TEST_CASE(the_environment_wins_over_the_file_for_secrets_too) {
  const TemporaryFile weaker("from the file's file");
  const auto loaded =
      test::load({}, {{"VPN_SENTINEL_API_KEY", "from the environment"}}, "api_key_file = \"" + weaker.path() + "\"\n").value();
  BOOST_TEST(loaded.global.text("api_key") == "from the environment");
}

BOOST_AUTO_TEST_CASE(only_secrets_have_a_file) {
  const TemporaryFile file("http://h");
  BOOST_TEST(error_of(test::load({}, {}, "url_file = \"" + file.path() + "\"")).find("'url_file' is no setting") != std::string::npos);
  BOOST_TEST(test::load({}, {{"VPN_SENTINEL_URL_FILE", file.path()}}).value().global.text("url") == "http://127.0.0.1:5000");
}

BOOST_AUTO_TEST_CASE(a_secret_file_that_is_missing_or_empty_is_an_error) {
  BOOST_TEST(error_of(test::load({}, {{"VPN_SENTINEL_API_KEY_FILE", "/nonexistent"}})) ==
             "VPN_SENTINEL_API_KEY_FILE = '/nonexistent': the file cannot be read");
  const TemporaryFile empty("\n");
  BOOST_TEST(error_of(test::load({}, {{"VPN_SENTINEL_API_KEY_FILE", empty.path()}})) ==
             "VPN_SENTINEL_API_KEY_FILE = '" + empty.path() + "': the file is empty");
  BOOST_TEST(error_of(test::load({}, {}, "api_key_file = \"/nonexistent\"")) == "api_key_file = '/nonexistent': the file cannot be read");
}

BOOST_AUTO_TEST_CASE(no_error_shows_a_secret) {
  const std::string secret = "hush-hush";
  const TemporaryFile long_secret(secret + std::string(70'000, 'x'));
  for (const auto& loaded :
       {test::load({}, {{"VPN_SENTINEL_API_KEY_FILE", long_secret.path()}}),
        test::load({}, {{"VPN_SENTINEL_API_KEY", secret + std::string(70'000, 'x')}}),
        test::load({}, {}, "api_key = [[\"" + secret + "\"]]"), test::load({}, {}, "api_key = {a = \"" + secret + "\"}"),
        test::load({}, {}, "api_key = \"" + secret + "\nurl = 1")}) {
    BOOST_TEST(error_of(loaded) != "loaded");
    BOOST_TEST(error_of(loaded).find(secret) == std::string::npos, error_of(loaded));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(load_warnings)

BOOST_AUTO_TEST_CASE(names_that_never_had_an_effect_are_warned_of_with_what_to_use) {
  const Variables environment{{"VPN_SENTINEL_TELEGRAM_TOKEN", "123:secret"}, {"VPN_SENTINEL_SERVER_ALERT_THRESHOLD_MINUTES", "5"}};
  const auto loaded = test::load({}, environment).value();
  BOOST_TEST(loaded.warnings == (std::vector<std::string>{"VPN_SENTINEL_TELEGRAM_TOKEN has no effect; use TELEGRAM_BOT_TOKEN",
                                                          "VPN_SENTINEL_SERVER_ALERT_THRESHOLD_MINUTES has no effect"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_empty_variable_is_no_reason_to_warn) {
  BOOST_TEST(test::load({}, {{"VPN_SENTINEL_TELEGRAM_TOKEN", ""}}).value().warnings.empty());
}

BOOST_AUTO_TEST_CASE(a_name_that_this_daemon_honours_is_not_warned_of) {
  constexpr std::array rows{SettingRow{"port", "VPN_SENTINEL_SERVER_API_PORT", SettingRow::Type::integer, "5000", "Port", 0, 65535, false,
                                       "VPN_SENTINEL_SERVER_PORT"},
                            SettingRow{"file", "VPN_SENTINEL_DB_PATH", SettingRow::Type::text, "", "File"}};
  const auto loaded = load_settings(rows, {}, {{"VPN_SENTINEL_SERVER_PORT", "80"}, {"VPN_SENTINEL_DB_PATH", "/x"}}, "", false).value();
  BOOST_TEST(loaded.warnings.empty());
  BOOST_TEST(loaded.global.integer("port") == 80);
}

BOOST_AUTO_TEST_SUITE_END()
