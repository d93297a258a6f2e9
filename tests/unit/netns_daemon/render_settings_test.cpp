#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "netns/daemon/settings.hpp"
#include "tests/unit/netns_daemon/sample_rows.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_AUTO_TEST_SUITE(render_settings)

BOOST_AUTO_TEST_CASE(the_sample_file_as_it_is_changes_nothing) {
  const auto loaded = test::load({}, {}, sample_file(sample_rows)).value();
  for (const auto& row : sample_rows) BOOST_TEST(!loaded.global.is_set(row.key), row.key);
}

BOOST_AUTO_TEST_CASE(the_sample_file_without_its_comment_signs_holds_the_defaults) {
  std::istringstream sample(sample_file(sample_rows));
  std::string toml;
  for (std::string line; std::getline(sample, line);) {
    const bool is_value =
        std::ranges::any_of(sample_rows, [&](const SettingRow& row) { return line.starts_with("# " + std::string(row.key) + " = "); });
    if (is_value) toml += line.substr(2) + "\n";
  }
  const auto loaded = test::load({}, {}, toml).value();
  for (const auto& row : sample_rows) {
    BOOST_TEST(loaded.global.text(row.key) == row.default_value, row.key);
    BOOST_TEST(loaded.global.is_set(row.key), row.key);
  }
}

BOOST_AUTO_TEST_CASE(the_sample_file_tells_each_help_what_may_differ_and_the_file_of_a_secret) {
  const auto sample = sample_file(sample_rows);
  for (const auto& row : sample_rows) BOOST_TEST(sample.find("# " + std::string(row.help) + ".") != std::string::npos, row.key);
  BOOST_TEST(sample.find("# Namespace to watch. May differ in each [[target]].\n# netns = \"self\"\n") != std::string::npos, sample);
  BOOST_TEST(sample.find("A flag or a variable that says which target stands for all tables: netns.\n") != std::string::npos, sample);
  BOOST_TEST(sample.find("# api_key_file = ") != std::string::npos);
  BOOST_TEST(sample.find("# url_file = ") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_table_has_a_line_for_each_row_and_no_flag_for_a_secret) {
  const auto table = markdown_table(sample_rows);
  BOOST_TEST(std::ranges::count(table, '\n') == static_cast<long>(sample_rows.size()) + 2);
  BOOST_TEST(table.find("| `--interval` | `VPN_SENTINEL_INTERVAL` | `15s` | Time between keepalives |\n") != std::string::npos, table);
  BOOST_TEST(table.find("| - | `VPN_SENTINEL_API_KEY` or `VPN_SENTINEL_API_KEY_FILE` | - | Key of the hub |\n") != std::string::npos,
             table);
}

BOOST_AUTO_TEST_SUITE_END()
