#include "hub/app/alerts_file.hpp"

#include <stdlib.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "hub/alert/rule_config.hpp"
#include "hub/app/hub_watch.hpp"

namespace vpn_sentinel {
namespace {

struct Folder {
  std::string path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "alerts_file_test.XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] Result<AlertsFile> read(const std::string& text) const {
    std::ofstream(path + "/alerts.toml") << text;
    return read_alerts_file(path + "/alerts.toml");
  }
  [[nodiscard]] std::string error_of(const std::string& text) const {
    const auto file = read(text);
    return file ? "taken" : file.error().message.substr(path.size() + 1);
  }
};

BOOST_FIXTURE_TEST_SUITE(alerts_file, Folder)

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_an_empty_one_and_one_that_cannot_be_read_is_told) {
  BOOST_TEST(read_alerts_file(path + "/none.toml")->desk.rules.empty());
  BOOST_TEST(read_alerts_file("")->desk.rules.empty());
  BOOST_TEST(!read_alerts_file(path).has_value());
}

BOOST_AUTO_TEST_CASE(rules_and_windows_are_read) {
  const auto file = read(
      "[[channel]]\nname = \"phone\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n[[rule]]\nname = \"leak\"\non = \"state\"\nstates "
      "= [\"danger\"]\n"
      "[[maintenance]]\nname = \"backup\"\nclients = [\"*\"]\nweekly = \"Sun 02:00-04:00\"\ntime_zone = \"UTC\"\n"
      "[[maintenance]]\nname = \"move\"\nclients = [\"a\"]\nfrom = 2026-11-21T10:00:00Z\nto = \"2026-11-21T13:00:00+02:00\"\n");
  BOOST_REQUIRE_MESSAGE(file.has_value(), (file ? "" : file.error().message));
  BOOST_TEST(file->channels.at(0).name == "phone");
  BOOST_TEST(file->desk.rules.at(0).name == "leak");
  BOOST_TEST(to_string(file->desk.weekly.at(0).time) == "Sun 02:00-04:00");
  BOOST_TEST(to_rfc3339(file->desk.windows.at(0).to) == "2026-11-21T11:00:00.000000Z");
  BOOST_TEST(file_windows_json(file->desk).size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_file_with_secrets_that_everybody_can_read_is_warned_of) {
  const auto channel = [](const std::string& key) {
    return "[[channel]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n" + key;
  };
  static_cast<void>(read(channel("secret = \"x\"\n")));
  using std::filesystem::perms;
  std::filesystem::permissions(path + "/alerts.toml", perms::owner_read | perms::owner_write | perms::group_read);
  BOOST_TEST(read(channel("secret = \"x\"\n"))->warning.empty());
  std::filesystem::permissions(path + "/alerts.toml", perms::others_read, std::filesystem::perm_options::add);
  BOOST_TEST(read(channel("secret = \"x\"\n"))->warning.find("chmod 640") != std::string::npos);
  BOOST_TEST(read(channel(""))->warning.empty());
}

BOOST_AUTO_TEST_CASE(a_plan_of_reports_is_read_and_its_channels_must_be_there) {
  const auto file = read("[report]\nchannels = [\"mail\"]\nday = 2\nhour = 7\ntime_zone = \"Europe/Berlin\"\n");
  BOOST_REQUIRE_MESSAGE(file.has_value(), (file ? "" : file.error().message));
  BOOST_TEST(file->desk.report->day == 2);
  BOOST_TEST(file->desk.report->zone.name() == "Europe/Berlin");
  BOOST_TEST(check_channels(file->desk, {"mail"}).has_value());
  BOOST_TEST(check_channels(file->desk, {"phone"}).error().message.find("channels = \"mail\"") != std::string::npos);
  BOOST_TEST(error_of("[report]\nday = 31\n").starts_with("alerts.toml:1: [report]: day = 31: expected"));
  BOOST_TEST(error_of("[report]\ntime_zone = \"Mars\"\n").starts_with("alerts.toml:1: [report]: time_zone = \"Mars\": expected"));
  BOOST_TEST(error_of("[[report]]\nday = 1\n").starts_with("alerts.toml:1: report: expected one table"));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_line_and_field) {
  BOOST_TEST(error_of("[[rule]]\nname = \"a\"\n").starts_with("alerts.toml:1: [[rule]]: on = nothing: expected"));
  BOOST_TEST(error_of("\n\n[[rule]]\nname=\"a\"\non=\"state\"\ndelay_s=\"5\"")
                 .starts_with("alerts.toml:3: [[rule]]: delay_s = \"5\": expected a whole"));
  BOOST_TEST(error_of("[[rule]]\nname=\"a\"\non=\"state\"\n[[rule]]\nname=\"a\"\non=\"state\"")
                 .starts_with("alerts.toml:4: [[rule]]: name = \"a\""));
  BOOST_TEST(error_of("[rule]\nname = \"a\"\n").starts_with("alerts.toml:1: rule: expected tables"));
  BOOST_TEST(error_of("[[rules]]\n").starts_with("alerts.toml:1: rules: expected [[channel]]"));
  BOOST_TEST(error_of("[[rule\n").starts_with("alerts.toml:1:"));
  BOOST_TEST(error_of("[[maintenance]]\nname=\"a\"\nclients=[\"*\"]\nweekly=\"daily\"").find("weekly = \"daily\": expected a weekday") !=
             std::string::npos);
  BOOST_TEST(
      error_of("[[maintenance]]\nname=\"a\"\nclients=[\"*\"]\nfrom=\"2026-11-21T10:00:00Z\"\nto=\"2026-11-21T10:00:00Z\"").find("to = ") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_rule_for_a_channel_that_is_not_there_is_refused) {
  const auto file = read("[[rule]]\nname=\"a\"\non=\"state\"\nchannels=[\"phone\"]");
  BOOST_TEST(check_channels(file->desk, {"phone"}).has_value());
  BOOST_TEST(check_channels(file->desk, {"mail"}).error().message.find("channel = \"phone\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_step_of_the_clock_is_trouble_for_an_hour_and_a_bad_certificate_until_it_is_good) {
  using namespace std::chrono_literals;
  HubWatch watch(path);
  const auto mono = mono_now();
  const auto wall = wall_now();
  const auto trouble = [](const std::optional<std::vector<HubWatch::Finding>>& findings, const std::string& what) {
    for (const auto& each : *findings) {
      if (each.what == what) return each.trouble;
    }
    return false;
  };
  BOOST_TEST(!trouble(watch.look(wall, mono, {}, 0), "clock"));
  BOOST_TEST(!watch.look(wall, mono + 10s, {}, 0).has_value());
  const auto stepped = watch.look(wall + 5h, mono + 31s, {"it ends tomorrow"}, 0);
  BOOST_TEST(trouble(stepped, "clock"));
  BOOST_TEST(trouble(stepped, "certificate"));
  const auto later = watch.look(wall + 6h + 1min, mono + 1h + 91s, {}, 0);
  BOOST_TEST(!trouble(later, "clock"));
  BOOST_TEST(!trouble(later, "certificate"));
}

BOOST_AUTO_TEST_CASE(that_new_clients_are_refused_is_trouble_until_none_was_for_ten_minutes) {
  using namespace std::chrono_literals;
  HubWatch watch(path);
  const auto mono = mono_now();
  const auto wall = wall_now();
  const auto look = [&](std::chrono::seconds after, std::uint64_t refused) {
    const auto findings = watch.look(wall + after, mono + after, {}, refused);
    return std::ranges::find(findings.value(), std::string("room for clients"), &HubWatch::Finding::what)->trouble;
  };
  BOOST_TEST(!look(0s, 0));
  BOOST_TEST(look(30s, 3));
  BOOST_TEST(look(9min, 3));
  BOOST_TEST(look(10min, 4));
  BOOST_TEST(look(19min, 4));
  BOOST_TEST(!look(21min, 4));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
