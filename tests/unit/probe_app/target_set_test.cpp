#include "probe/app/target_set.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "netns/base/fatal_error.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/target_names.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

struct Patterns {
  Patterns() {
    pattern.client_id = "office";
    pattern.netns = {NamespaceRef::Kind::name, fmt::format("vs{}-p*", ::getpid())};
    pattern.tunnels = {"tun0"};
    pattern.offline = true;
  }
  void start(std::vector<TargetPolicy> policies) {
    set = std::make_unique<TargetSet>(io, http, dns, std::move(policies),
                                      TargetSet::Hooks{[this](const TargetWatch& watch, const TargetWatch::Update&) {
                                                         gone[watch.policy().client_id] = watch.seen().namespace_gone;
                                                       },
                                                       [this](const TargetWatch& watch) { added.push_back(watch.policy().client_id); },
                                                       [this](const TargetWatch& watch) { forgotten.push_back(watch.policy().client_id); },
                                                       {}});
    set->start();
  }

  boost::asio::io_context io{1};
  HttpClient http{io};
  DnsClient dns{io};
  TargetPolicy pattern;
  std::unique_ptr<TargetSet> set;
  std::vector<std::string> added;
  std::vector<std::string> forgotten;
  std::map<std::string, bool> gone;
};

using Ids = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(target_set, Patterns)

BOOST_AUTO_TEST_CASE(a_pattern_takes_what_is_there_and_what_comes_and_nothing_else) {
  const NamedNamespace first("p1");
  const NamedNamespace second("p2");
  const NamedNamespace other("q");
  first.make();
  other.make();
  start({pattern});
  BOOST_TEST(added == Ids{"office-1"});
  second.make();
  BOOST_TEST_REQUIRE(run_until(io, [&] { return set->size() == 2; }));
  BOOST_TEST(added == (Ids{"office-1", "office-2"}));
  // Taken only when it was mounted: it is never told of as one that could not be looked at.
  BOOST_TEST(!set->find("office-2")->seen().blind.has_value());
}

BOOST_AUTO_TEST_CASE(one_that_goes_away_is_told_of_comes_back_as_itself_and_is_forgotten_in_the_end) {
  const NamedNamespace space("p3");
  pattern.forget_after = 400ms;
  space.make();
  start({pattern});
  space.remove();
  BOOST_TEST_REQUIRE(run_until(io, [&] { return gone["office-3"]; }));
  space.make();
  BOOST_TEST_REQUIRE(run_until(io, [&] { return !gone["office-3"]; }));
  BOOST_TEST(added == Ids{"office-3"});
  space.remove();
  BOOST_TEST_REQUIRE(run_until(io, [&] { return set->size() == 0; }));
  BOOST_TEST(forgotten == Ids{"office-3"});
  BOOST_TEST(set->find("office-3") == nullptr);
  space.make();
  BOOST_TEST_REQUIRE(run_until(io, [&] { return set->size() == 1; }));
}

BOOST_AUTO_TEST_CASE(a_namespace_that_is_a_target_of_its_own_is_not_taken_by_a_pattern_too) {
  const NamedNamespace space("p4");
  space.make();
  auto own = pattern;
  own.client_id = "own";
  own.netns = space.ref();
  auto wide = pattern;
  wide.client_id = "wide";
  start({pattern, wide, own});
  BOOST_TEST(added == Ids{"own"});
  const NamedNamespace next("p5");
  next.make();
  BOOST_TEST_REQUIRE(run_until(io, [&] { return set->size() == 2; }));
  BOOST_TEST((added == Ids{"own", "office-5"}));
  const auto expanded = expand_patterns({pattern, wide, own});
  BOOST_TEST_REQUIRE(expanded.size() == 2U);
  BOOST_TEST(expanded[0].client_id == "own");
  BOOST_TEST(expanded[1].client_id == "office-5");
}

BOOST_AUTO_TEST_CASE(more_targets_than_descriptors_are_refused_with_the_remedy) {
  rlimit limit{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const auto most = std::min<std::size_t>(limit.rlim_max, 100'000);
  auto own = pattern;
  std::vector<TargetPolicy> many;
  for (std::size_t i = 0; i < most / 4; ++i) {
    own.client_id = fmt::format("c{}", i);
    own.netns = NamespaceRef::of_pid(1);
    many.push_back(own);
  }
  const auto tells = [](const FatalError& error) { return std::string(error.what()).find("LimitNOFILE=") != std::string::npos; };
  BOOST_CHECK_EXCEPTION(start(std::move(many)), FatalError, tells);
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  BOOST_TEST(limit.rlim_cur == limit.rlim_max);
}

BOOST_AUTO_TEST_CASE(a_name_with_control_characters_is_refused_once_and_printed_without_them) {
  const auto file = fmt::format("{}/vs{}-p\033[2J", named_namespaces, ::getpid());
  std::vector<std::string> refused;
  set = std::make_unique<TargetSet>(io, http, dns, std::vector{pattern},
                                    TargetSet::Hooks{{},
                                                     [this](const TargetWatch& watch) { added.push_back(watch.policy().client_id); },
                                                     {},
                                                     [&](const std::string& name, const Error&) { refused.push_back(name); }});
  set->start();
  std::ofstream{file}.flush();
  BOOST_TEST(run_until(io, [&] { return !refused.empty(); }));
  BOOST_TEST(expand_patterns({pattern}).empty());
  std::filesystem::remove(file);
  io.run_for(20ms);
  BOOST_TEST(refused == std::vector<std::string>{fmt::format("name:vs{}-p?[2J", ::getpid())});
  BOOST_TEST(added.empty());
}

BOOST_AUTO_TEST_SUITE_END()
