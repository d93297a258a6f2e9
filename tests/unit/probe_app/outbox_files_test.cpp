#include "probe/app/outbox_files.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/unit/probe/delivery/make_item.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

const std::string a = "http://a.example:5000";
const std::string b = "http://b.example:5000";
const std::string c = "http://c.example:5000";

struct Files {
  [[nodiscard]] OutboxFiles arrange(const std::vector<std::string>& urls, bool to_all = true) const {
    return arrange_outbox_files(folder.file("."), urls, to_all, 7 * 24h);
  }
  [[nodiscard]] std::string plain() const { return arrange({a}, false).files.at(0); }
  static void put(const std::string& file, std::uint64_t seq) { open_outbox(file)->enqueue(change(seq)); }
  static std::string seqs(const std::string& file) { return take_all(*open_outbox(file)); }

  TemporaryFolder folder;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(outbox_files, Files)

BOOST_AUTO_TEST_CASE(a_file_is_the_hubs_whatever_its_place_in_the_list) {
  const auto first = arrange({a, b}).files;
  BOOST_TEST_REQUIRE(first.size() == 2U);
  BOOST_TEST(first[0] != first[1]);
  put(first[0], 1);
  put(first[1], 2);
  const auto turned = arrange({b, c, a});
  BOOST_TEST(turned.left.empty());
  BOOST_TEST(turned.files.at(0) == first[1]);
  BOOST_TEST(turned.files.at(2) == first[0]);
  BOOST_TEST(seqs(turned.files.at(2)) == "1");
}

BOOST_AUTO_TEST_CASE(the_file_of_an_earlier_version_becomes_that_of_the_first_hub_that_has_none) {
  put(plain(), 1);
  BOOST_TEST(seqs(arrange({a, b}).files.at(0)) == "1");
  const auto of_b = arrange({b, a}).files.at(0);
  put(of_b, 2);
  std::filesystem::remove(arrange({a, b}).files.at(0));
  put(plain(), 3);  // a's, as the earlier version had it, and then the list was turned
  const auto turned = arrange({b, a});
  BOOST_TEST(turned.left.empty());
  BOOST_TEST(seqs(turned.files.at(0)) == "2");
  BOOST_TEST(seqs(turned.files.at(1)) == "3");
}

BOOST_AUTO_TEST_CASE(a_file_with_a_log_moves_with_it) {
  put(plain(), 1);
  const auto log = plain() + "-wal";
  std::ofstream(log) << "frames";
  const auto file = arrange({a, b}).files.at(0);
  BOOST_TEST(!std::filesystem::exists(log));
  BOOST_TEST(std::filesystem::exists(file + "-wal"));
}

BOOST_AUTO_TEST_CASE(back_to_the_first_that_answers_what_waited_for_the_best_hub_goes_on) {
  const auto all = arrange({a, b}).files;
  put(all[0], 1);
  put(all[1], 2);
  const auto single = arrange({a, b}, false);
  BOOST_TEST(single.files.size() == 1U);
  BOOST_TEST(seqs(single.files.at(0)) == "1");
  BOOST_TEST_REQUIRE(single.left.size() == 1U);
  BOOST_TEST(single.left[0].file == all[1]);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_hub_that_is_gone_is_told_and_kept_until_it_is_too_old) {
  const auto files = arrange({a, b}).files;
  put(files[1], 2);
  const auto kept = arrange({a});
  BOOST_TEST_REQUIRE(kept.left.size() == 1U);
  BOOST_TEST(kept.left[0].file == files[1]);
  BOOST_TEST((kept.left[0].reports == 1U && !kept.left[0].removed));
  BOOST_TEST(seqs(arrange({b, a}).files.at(0)) == "2");
  put(files[1], 3);
  std::filesystem::last_write_time(files[1], std::filesystem::file_time_type::clock::now() - 8 * 24h);
  const auto old = arrange({a});
  BOOST_TEST_REQUIRE(old.left.size() == 1U);
  BOOST_TEST(old.left[0].removed);
  BOOST_TEST(!std::filesystem::exists(files[1]));
}

BOOST_AUTO_TEST_CASE(an_empty_file_that_nobody_needs_any_more_goes_without_a_word) {
  const auto files = arrange({a, b}).files;
  std::ignore = open_outbox(files[1]);
  BOOST_TEST(arrange({a}).left.empty());
  BOOST_TEST(!std::filesystem::exists(files[1]));
}

BOOST_AUTO_TEST_CASE(what_is_no_outbox_is_not_touched) {
  for (const auto* const name :
       {"probe-outbox.sqlite.corrupt-1", "probe-outbox-notes.sqlite", "other.sqlite", "probe-outbox-0123456789ABCDEF.sqlite"}) {
    std::ofstream(folder.file(name)) << "x";
    std::filesystem::last_write_time(folder.file(name), std::filesystem::file_time_type::clock::now() - 100 * 24h);
    BOOST_TEST(arrange({a}).left.empty());
    BOOST_TEST(std::filesystem::exists(folder.file(name)));
  }
  std::ofstream(folder.file("probe-outbox-0123456789abcdef.sqlite")) << "no database";
  const auto damaged = arrange({a});
  BOOST_TEST_REQUIRE(damaged.left.size() == 1U);
  BOOST_TEST(!damaged.left[0].reports.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
