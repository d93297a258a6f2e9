#include <dirent.h>
#include <net/if.h>

#include <boost/test/unit_test.hpp>

#include "probe/watch/target_watch.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

std::size_t open_files() {
  std::size_t count = 0;
  auto* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

struct Watching {
  Watching() {
    policy.client_id = "follow";
    policy.tunnels = {"tun0"};
    policy.offline = true;
  }
  void watch(const NamespaceRef& ref) {
    policy.netns = ref;
    target = std::make_unique<TargetWatch>(io, http, dns, policy, [this](const TargetWatch& told, const TargetWatch::Update&) {
      codes.clear();
      for (const auto& finding : told.verdict().findings) codes.push_back(finding.code);
    });
    target->start();
  }
  bool run_until_told(const std::string& code) {
    return run_until(io, [&] { return std::ranges::find(codes, code) != codes.end(); });
  }

  boost::asio::io_context io{1};
  HttpClient http{io};
  DnsClient dns{io};
  TargetPolicy policy;
  std::vector<std::string> codes;
  std::unique_ptr<TargetWatch> target;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(target_follow, Watching)

BOOST_AUTO_TEST_CASE(a_deleted_namespace_is_told_and_let_go_so_that_the_other_end_of_its_link_vanishes) {
  const NamedNamespace named("veth");
  const auto host_end = fmt::format("vs{}", ::getpid());
  named.make();
  run_command_line(fmt::format("ip link add {} type veth peer name eth0 netns {}", host_end, named.name()));
  watch(named.ref());
  BOOST_TEST_REQUIRE(run_until_told("tunnel_missing"));
  named.remove();
  const auto deleted = mono_now();
  BOOST_TEST_REQUIRE(run_until_told("namespace_gone"));
  const auto told = mono_now();
  // Only when nobody holds the namespace any more does the kernel take it, and the link, away.
  BOOST_TEST(run_until(io, [&] { return ::if_nametoindex(host_end.c_str()) == 0; }));
  const auto gone = mono_now();
  BOOST_TEST_MESSAGE(fmt::format("deleted -> told {} us, -> link gone {} us", (told - deleted) / 1us, (gone - deleted) / 1us));
  named.make();
  const auto made = mono_now();
  BOOST_TEST_REQUIRE(run_until_told("tunnel_missing"));
  BOOST_TEST_MESSAGE(fmt::format("made anew -> attached {} us", (mono_now() - made) / 1us));
}

BOOST_AUTO_TEST_CASE(one_target_has_few_descriptors_and_gives_them_all_back) {
  const NamedNamespace named("files");
  named.make();
  policy.netns = named.ref();
  std::ignore = boost::asio::use_service<NamespaceEvents>(io).subscribe(named_namespaces, {}, [](const std::string&) {});
  // The thread that enters namespaces comes with the first one, and keeps a descriptor of its own.
  watch(named.ref());
  target->stop();
  io.poll();
  const auto before = open_files();
  watch(named.ref());
  // The helper thread may just be looking at something.
  BOOST_TEST(run_until(io, [&] { return open_files() == before + 5; }));
  target->stop();
  BOOST_TEST(run_until(io, [&] { return open_files() == before; }));
}

BOOST_AUTO_TEST_CASE(a_target_that_was_stopped_says_nothing_more) {
  const NamedNamespace named("quiet");
  named.make();
  watch(named.ref());
  codes.clear();
  target->stop();
  named.remove();
  io.run_for(50ms);
  BOOST_TEST(codes.empty());
  target.reset();
  io.run_for(10ms);
}

BOOST_AUTO_TEST_CASE(hundreds_of_namespaces_are_followed_and_the_right_one_is_told) {
  constexpr int count = 200;
  std::vector<std::unique_ptr<NamedNamespace>> spaces;
  std::vector<std::unique_ptr<TargetWatch>> watches;
  std::string lines;
  for (int i = 0; i < count; ++i) {
    spaces.push_back(std::make_unique<NamedNamespace>(fmt::format("m{}", i)));
    lines += "netns add " + spaces.back()->name() + "\n";
  }
  const auto batch = [](const std::string& text) { run_command_line("ip -batch - <<'end'\n" + text + "end\n"); };
  batch(lines);
  std::vector<std::string> gone;
  for (const auto& space : spaces) {
    policy.client_id = space->name();
    policy.netns = space->ref();
    watches.push_back(std::make_unique<TargetWatch>(io, http, dns, policy, [&](const TargetWatch& told, const TargetWatch::Update&) {
      if (told.seen().namespace_gone) gone.push_back(told.policy().client_id);
    }));
    watches.back()->start();
    BOOST_TEST_REQUIRE(!watches.back()->seen().blind.has_value());
  }
  spaces[77]->remove();
  BOOST_TEST(run_until(io, [&] { return !gone.empty(); }));
  BOOST_TEST(gone == std::vector<std::string>{spaces[77]->name()});
  lines.clear();
  for (int i = 0; i < count; ++i) {
    if (i != 77) lines += "netns delete " + spaces[static_cast<std::size_t>(i)]->name() + "\n";
  }
  batch(lines);
  BOOST_TEST(run_until(io, [&] { return gone.size() == count; }));
}

BOOST_AUTO_TEST_SUITE_END()
