#include "hub/state/order.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(order)

using namespace vpn_sentinel;
using test::at;
using test::late;

namespace {

ClientState known(std::string boot, std::uint64_t seq, State state = State::secure) {
  ClientState client;
  client.client_id = "a";
  client.state = state;
  client.last_seen = at(100);
  client.last_report = test::report("a", std::move(boot), seq, State::secure, at(100)).report;
  client.retired_boots = {"old"};
  return client;
}

bool newer(const Admitted& admitted, const ClientState& client) { return is_newer(admitted.report, admitted.received, client); }

}  // namespace

BOOST_AUTO_TEST_CASE(within_a_boot_the_sequence_number_decides_whatever_the_clock_says) {
  BOOST_TEST(newer(test::report("a", "b", 6, State::secure, at(50)), known("b", 5)));
  BOOST_TEST(!newer(test::report("a", "b", 5, State::secure, at(200)), known("b", 5)));
  BOOST_TEST(!newer(test::report("a", "b", 4, State::secure, at(200)), known("b", 5)));
}

BOOST_AUTO_TEST_CASE(across_boots_the_time_decides) {
  BOOST_TEST(newer(test::report("a", "new", 1, State::secure, at(101)), known("b", 5)));
  BOOST_TEST(!newer(late(test::report("a", "new", 1, State::secure, at(10)), at(200)), known("b", 5)));
}

BOOST_AUTO_TEST_CASE(a_restarted_probe_whose_clock_was_put_back_is_heard_when_its_report_is_fresh) {
  BOOST_TEST(newer(test::report("a", "new", 1, State::danger, at(40)), known("b", 5)));
}

BOOST_AUTO_TEST_CASE(how_long_a_report_waited_counts_not_how_the_two_clocks_differ) {
  auto slow_clock = late(test::report("a", "new", 1, State::danger, at(10)), at(200));
  slow_clock.report.sent_at = at(11);
  BOOST_TEST(newer(slow_clock, known("b", 5)));
  auto waited = test::report("a", "new", 1, State::secure, at(40));
  waited.report.sent_at = at(140);
  BOOST_TEST(!newer(waited, known("b", 5)));
}

BOOST_AUTO_TEST_CASE(an_old_report_that_is_sent_once_more_as_it_was_ends_no_danger) {
  auto client = known("b", 5, State::danger);
  client.clock_skew = std::chrono::seconds{0};
  auto again = test::report("a", "unknown", 1, State::secure, at(-86'400));
  again.report.sent_at = at(-86'399);
  again.received = at(200);
  BOOST_TEST(!newer(again, client));
  // A start whose clock was put back is heard as soon as the client would be silent, and at once when it ends nothing.
  client.state = State::offline;
  BOOST_TEST(newer(again, client));
  client.state = State::secure;
  BOOST_TEST(newer(again, client));
  client.state = State::danger;
  again.report.sent_at = at(199);
  again.report.timestamp = at(198);
  BOOST_TEST(newer(again, client));
}

BOOST_AUTO_TEST_CASE(a_boot_that_another_followed_is_history_unless_it_lives) {
  BOOST_TEST(!newer(late(test::report("a", "old", 9, State::secure, at(101)), at(500)), known("b", 5)));
  BOOST_TEST(!newer(test::report("a", "old", 9, State::secure, at(99)), known("b", 5)));
  BOOST_TEST(newer(test::report("a", "old", 9, State::danger, at(101)), known("b", 5)));
}

BOOST_AUTO_TEST_CASE(a_silent_client_is_heard_whatever_its_new_boot_believes_the_time_is) {
  BOOST_TEST(newer(late(test::report("a", "new", 1, State::secure, at(-90'000)), at(200)), known("b", 5, State::offline)));
}

BOOST_AUTO_TEST_CASE(the_python_originals_last_keepalive_is_always_the_newest) {
  BOOST_TEST(newer(test::original("a", State::secure, at(1)), known("b", 5)));
  BOOST_TEST(newer(test::report("a", "b", 1, State::secure, at(1)), known("", 0)));
}

BOOST_AUTO_TEST_CASE(the_followed_boots_are_remembered_up_to_a_bound) {
  auto client = known("b", 5);
  BOOST_TEST(retire_boot(client, test::report("a", "b", 6, State::secure, at(1)).report).size() == 1U);
  BOOST_TEST(retire_boot(client, test::report("a", "c", 1, State::secure, at(1)).report).back() == "b");
  BOOST_TEST(retire_boot(client, test::original("a", State::secure, at(1)).report).back() == "b");
  for (int i = 0; i < 20; ++i) {
    const auto next = test::report("a", "boot-" + std::to_string(i), 1, State::secure, at(i));
    client.retired_boots = retire_boot(client, next.report);
    client.last_report = next.report;
  }
  BOOST_TEST(client.retired_boots.size() == 8U);
}

BOOST_AUTO_TEST_SUITE_END()
