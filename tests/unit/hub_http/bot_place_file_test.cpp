#include "hub/app/bot_place_file.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(bot_place_file)

using namespace vpn_sentinel;

BOOST_AUTO_TEST_CASE(the_place_comes_back_as_it_was_kept) {
  const test::TemporaryDirectory folder;
  const auto path = bot_place_path(folder.path(), "77:SECRET");
  BOOST_TEST(path == folder.file("telegram-bot-77.place"));
  const auto before = read_bot_place(path);
  BOOST_TEST_REQUIRE(before.has_value());
  BOOST_TEST(!before->has_value());
  const BotPlace place{77, 1'234'567'890'123, 5, test::at(1.5)};
  for (const auto& kept : {BotPlace{77, 1, 0, test::at(0)}, place}) BOOST_TEST(write_bot_place(path, kept).has_value());
  BOOST_TEST((read_bot_place(path).value() == place));
}

BOOST_AUTO_TEST_CASE(nobody_else_reads_it) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("place");
  BOOST_TEST(write_bot_place(path, {}).has_value());
  BOOST_TEST((std::filesystem::status(path).permissions() == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_something_else_is_an_error_and_no_first_start) {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("place");
  for (const auto* text : {"", "{", "[]", R"({"bot":77})", R"({"bot":77,"next":-1,"begun":0,"at":"2026-11-21T10:00:00Z"})",
                           R"({"bot":77,"next":1,"begun":0,"at":"never"})"}) {
    std::ofstream(path) << text;
    BOOST_TEST(!read_bot_place(path).has_value(), text);
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_gone_is_told) { BOOST_TEST(!write_bot_place("/nonexistent/place", {}).has_value()); }

BOOST_AUTO_TEST_SUITE_END()
