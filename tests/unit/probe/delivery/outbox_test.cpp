#include "probe/delivery/outbox.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include "probe/delivery/outbox_file.hpp"
#include "tests/unit/probe/delivery/make_item.hpp"
#include "tests/unit/probe/report/full_report.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

constexpr std::chrono::seconds patience{20};

}  // namespace

BOOST_AUTO_TEST_SUITE(outbox)

BOOST_AUTO_TEST_CASE(without_a_file_everything_stays_in_memory) {
  const auto box = open_outbox("");
  box->enqueue(change(1));
  box->enqueue(keepalive(2));
  BOOST_TEST(box->size() == 2U);
  BOOST_TEST(box->wait_written(std::chrono::milliseconds{0}));
  BOOST_TEST(!box->trouble().has_value());
  BOOST_TEST(take_all(*box) == "1 2");
  BOOST_TEST(box->size() == 0U);
}

BOOST_AUTO_TEST_CASE(what_was_not_acknowledged_is_there_after_the_next_start_and_marked_as_earlier) {
  const TemporaryFolder folder;
  {
    const auto box = open_outbox(folder.file());
    for (std::uint64_t seq = 1; seq <= 5; ++seq) box->enqueue(change(seq));
    box->acknowledged("a", "b1", 1);
    box->acknowledged("a", "b1", 3);
    BOOST_TEST(!box->front("a")->from_earlier);
  }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(box->size() == 3U);
  BOOST_TEST(box->front("a")->from_earlier);
  BOOST_TEST(box->front("a")->is_change);
  box->enqueue(change(6));  // the order goes on behind the earlier ones
  BOOST_TEST(take_all(*box) == "2 4 5 6");
}

BOOST_AUTO_TEST_CASE(a_keepalive_is_never_sent_by_a_later_start_which_has_not_looked_yet) {
  const TemporaryFolder folder;
  {
    const auto box = open_outbox(folder.file());
    box->enqueue(change(1));
    box->enqueue(keepalive(2));
    box->enqueue(keepalive(1, "b"));
    BOOST_TEST(box->size() == 3U);
  }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(take_all(*box) == "1");
  BOOST_TEST((box->front("b") == nullptr));
}

BOOST_AUTO_TEST_CASE(a_keepalive_that_an_older_version_left_in_the_file_is_forgotten) {
  const TemporaryFolder folder;
  {
    auto file = OutboxFile::open(folder.file()).value();
    OutboxBatch batch;
    batch.puts.emplace(1, OutboxRow{false, encode(keepalive(1).report).dump()});
    BOOST_REQUIRE(file.apply(batch).has_value());
  }
  {
    const auto box = open_outbox(folder.file());
    BOOST_TEST(box->size() == 0U);
    BOOST_TEST(box->dropped() == 0U);
  }
  BOOST_TEST(OutboxFile::open(folder.file()).value().load().value().empty());
}

BOOST_AUTO_TEST_CASE(a_report_comes_back_from_the_file_as_it_was) {
  const TemporaryFolder folder;
  auto report = full_report();
  report.timestamp = an_hour_ago();
  { open_outbox(folder.file())->enqueue(OutboxItem{report, true, false}); }
  const auto box = open_outbox(folder.file());
  BOOST_TEST((box->front(report.client_id)->report == report));
}

BOOST_AUTO_TEST_CASE(an_interface_name_that_is_no_utf_8_does_not_stop_the_outbox) {
  const TemporaryFolder folder;
  auto item = change(1);
  item.report.tunnel = TunnelReport{"wg\xff\xfe", "wireguard", true, {}, {}, {}, {}};
  { open_outbox(folder.file())->enqueue(item); }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(box->front("a")->report.tunnel.value().name == "wg\xef\xbf\xbd\xef\xbf\xbd");
}

BOOST_AUTO_TEST_CASE(superseded_and_dropped_items_do_not_come_back) {
  const TemporaryFolder folder;
  {
    const auto box = open_outbox(folder.file(), 3);
    for (std::uint64_t seq = 1; seq <= 9; ++seq) {
      box->enqueue(seq % 2 == 0 ? keepalive(seq) : change(seq));
      BOOST_TEST(box->wait_written(patience));  // so that each row reaches the file before it has to go again
    }
    BOOST_TEST(box->dropped() == 5U);  // the changes 1 and 3, and the keepalives 4, 6 and 8, which were in memory only
  }
  const auto box = open_outbox(folder.file(), 3);
  BOOST_TEST(box->dropped() == 0U);
  BOOST_TEST(take_all(*box) == "5 7 9");
}

BOOST_AUTO_TEST_CASE(a_smaller_bound_at_the_next_start_keeps_the_newest_changes) {
  const TemporaryFolder folder;
  {
    const auto box = open_outbox(folder.file());
    for (std::uint64_t seq = 1; seq <= 10; ++seq) box->enqueue(change(seq));
  }
  {
    const auto box = open_outbox(folder.file(), 4);
    BOOST_TEST(box->dropped() == 6U);
  }
  const auto box = open_outbox(folder.file(), 100);
  BOOST_TEST(take_all(*box) == "7 8 9 10");
}

BOOST_AUTO_TEST_CASE(a_report_that_is_too_old_at_the_next_start_is_given_up_but_not_one_of_a_clock_that_was_not_set) {
  const TemporaryFolder folder;
  {
    const auto box = open_outbox(folder.file());
    auto item = change(1);
    item.report.timestamp = WallTime{} + std::chrono::days{365 * 53};  // 2022
    box->enqueue(item);
    item = change(2);
    item.report.timestamp = wall_now() - std::chrono::hours{25};
    box->enqueue(item);
    item = change(3);
    item.report.timestamp = WallTime{} + std::chrono::hours{5};
    box->enqueue(item);
    item = change(4);
    item.report.timestamp = wall_now() - std::chrono::hours{23};
    box->enqueue(item);
    item = change(5);
    item.report.timestamp = wall_now() + std::chrono::hours{300};
    box->enqueue(item);
    BOOST_TEST(box->size() == 5U);  // while it runs only its own clock counts
  }
  Outbox::Options options{folder.file()};
  options.bounds.age = std::chrono::hours{24};
  const auto box = Outbox::open(options).value();
  BOOST_TEST(box->size() == 3U);
  BOOST_TEST(box->dropped() == 2U);
  BOOST_TEST(take_all(*box) == "3 4 5");
}

BOOST_AUTO_TEST_CASE(the_file_is_for_its_owner_only_even_if_it_was_not) {
  const TemporaryFolder folder;
  const auto mode_of = [&] {
    struct stat status {};
    BOOST_REQUIRE(::stat(folder.file().c_str(), &status) == 0);
    return status.st_mode & 0777U;
  };
  { open_outbox(folder.file())->enqueue(change(1)); }
  BOOST_TEST(mode_of() == 0600U);
  BOOST_REQUIRE(::chmod(folder.file().c_str(), 0644) == 0);
  const auto box = open_outbox(folder.file());
  BOOST_TEST(mode_of() == 0600U);
}

BOOST_AUTO_TEST_CASE(a_missing_folder_is_made) {
  const TemporaryFolder folder;
  const auto file = folder.file("state/deep/outbox.sqlite");
  { open_outbox(file)->enqueue(change(1)); }
  BOOST_TEST(open_outbox(file)->size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_second_probe_with_the_same_file_is_told_so) {
  const TemporaryFolder folder;
  const auto first = open_outbox(folder.file());
  const auto second = Outbox::open({folder.file()});
  BOOST_REQUIRE(!second.has_value());
  BOOST_TEST((second.error().kind == Error::Kind::unavailable));
  BOOST_TEST(second.error().message == folder.file() + ": another process has it open");
}

BOOST_AUTO_TEST_CASE(a_thousand_items_are_written_and_read_in_order) {
  const TemporaryFolder folder;
  std::string expected;
  {
    const auto box = open_outbox(folder.file());
    for (std::uint64_t seq = 1; seq <= 1000; ++seq) {
      box->enqueue(change(seq));
      expected += (seq == 1 ? "" : " ") + std::to_string(seq);
    }
  }
  const auto box = open_outbox(folder.file());
  BOOST_TEST(take_all(*box) == expected);
}

BOOST_AUTO_TEST_SUITE_END()
