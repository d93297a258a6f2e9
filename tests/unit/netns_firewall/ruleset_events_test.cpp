#include "netns/firewall/ruleset_events.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <future>
#include <thread>

#include "netns/firewall/outside_tables.hpp"
#include "tests/unit/netns_firewall/audited_namespace.hpp"

using namespace vpn_sentinel;

namespace {

audit::RulesetEvents::News next(audit::RulesetEvents& events) {
  pollfd waiting{events.fd(), POLLIN, 0};
  BOOST_REQUIRE_EQUAL(::poll(&waiting, 1, 5000), 1);
  auto news = events.read();
  BOOST_REQUIRE_MESSAGE(news.has_value(), why(news));
  return std::move(*news);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ruleset_events)

BOOST_AUTO_TEST_CASE(a_change_names_the_program_and_the_tables_that_it_touched) {
  AuditedNamespace space;
  auto events = audit::RulesetEvents::open(space.net.client.opener()).value();
  BOOST_TEST(events.read().value().changes.empty());
  space.load("table inet a {\nchain c {\naccept\n}\n}\ntable ip b {\n}\n");
  const auto news = next(events);
  BOOST_TEST_REQUIRE(news.changes.size() == 1U);
  const auto& change = news.changes.front();
  BOOST_TEST(change.program == "nft");
  BOOST_TEST(change.process > 1U);
  BOOST_TEST(change.generation == space.ruleset().generation);
  BOOST_TEST(audit::describe_tables(change) == "inet a, ip b");
  BOOST_TEST(audit::describe_author(change).starts_with("nft (pid "));
  BOOST_TEST(!audit::is_own_change(change, change.process, "nft"));
  space.run("iptables-nft -P OUTPUT DROP");
  BOOST_TEST(next(events).changes.front().program.starts_with("iptables"));
}

BOOST_AUTO_TEST_CASE(a_thread_of_another_name_is_told_with_its_process) {
  AuditedNamespace space;
  auto events = audit::RulesetEvents::open(space.net.client.opener()).value();
  auto tables = OutsideTables::open(space.net.client.opener(), OutsideAction::drop, "t", 0).value();
  std::promise<void> done;
  std::promise<void> described;
  std::thread worker([&] {
    ::pthread_setname_np(::pthread_self(), "gdbus");
    const bool installed = tables.install(TwoUplinks::policy()).has_value();
    done.set_value();
    described.get_future().wait();
    BOOST_TEST(installed);
  });
  done.get_future().wait();
  const auto news = next(events);
  const auto author = news.changes.empty() ? std::string("nobody") : audit::describe_author(news.changes.front());
  described.set_value();
  worker.join();
  std::array<char, 16> own{};
  ::pthread_getname_np(::pthread_self(), own.data(), own.size());
  BOOST_TEST(author.starts_with(fmt::format("{} (gdbus, pid {}: ", own.data(), ::getpid())), author);
}

BOOST_AUTO_TEST_CASE(changes_of_our_own_tables_are_known_as_ours_and_those_of_others_to_them_are_not) {
  AuditedNamespace space;
  auto events = audit::RulesetEvents::open(space.net.client.opener()).value();
  auto tables = OutsideTables::open(space.net.client.opener(), OutsideAction::drop, "t", 0).value();
  BOOST_REQUIRE(tables.install(TwoUplinks::policy()).has_value());
  const auto own = static_cast<std::uint32_t>(::getpid());
  auto news = next(events);
  BOOST_REQUIRE(!news.changes.empty());
  for (const auto& change : news.changes) BOOST_TEST(audit::is_own_change(change, own, "no such name"));
  BOOST_TEST(audit::is_own_change(news.changes.front(), 1, news.changes.front().program));
  space.run("nft flush ruleset");
  BOOST_TEST(!audit::is_own_change(next(events).changes.front(), own, "no such name"));
}

BOOST_AUTO_TEST_CASE(what_is_lost_is_told_and_what_comes_later_is_heard_again) {
  AuditedNamespace space;
  auto events = audit::RulesetEvents::open(space.net.client.opener()).value();
  const int little = 1;
  BOOST_REQUIRE_EQUAL(::setsockopt(events.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &little, sizeof little), 0);
  std::string rules = "table inet a {\nchain c {\n";
  for (int i = 0; i < 2000; ++i) rules += fmt::format("ip daddr 10.0.{}.{} accept\n", i / 200, i % 200);
  space.load(rules + "}\n}\n");
  bool lost = false;
  for (int i = 0; i < 100 && !lost; ++i) lost = next(events).lost;
  BOOST_TEST(lost);
  BOOST_REQUIRE(events.read().has_value());
  space.run("nft add table ip b");
  const auto news = next(events);
  BOOST_TEST_REQUIRE(!news.changes.empty());
  BOOST_TEST(audit::describe_tables(news.changes.back()) == "ip b");
}

BOOST_AUTO_TEST_SUITE_END()
