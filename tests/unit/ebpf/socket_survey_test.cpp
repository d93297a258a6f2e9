#include "ebpf/socket_survey.hpp"

#include <signal.h>

#include "tests/unit/ebpf/traced.hpp"

using namespace vpn_sentinel;

namespace {

constexpr const char* beyond = "203.0.113.7";

/// A program whose connected socket is older than the tracer: it sends once for each byte that it is given.
struct Older {
  TwoUplinks network;
  int go[2]{-1, -1};
  int done[2]{-1, -1};
  std::unique_ptr<Program> program;
  std::unique_ptr<Tracer> tracer;
  std::uint64_t netns = 0;

  /// `hand_on`: a child has the socket too.
  explicit Older(bool hand_on = false, const TracerSettings& settings = {}) {
    BOOST_REQUIRE_EQUAL(::pipe2(go, O_CLOEXEC), 0);
    BOOST_REQUIRE_EQUAL(::pipe2(done, O_CLOEXEC), 0);
    program = std::make_unique<Program>("older", [this, hand_on] { send_when_asked(hand_on); });
    ::close(go[0]);
    ::close(done[1]);
    await_program();
    tracer = std::make_unique<Tracer>(Traced::started(settings));
    netns = tracer->cookie_of(network.client.opener()).value();
    BOOST_REQUIRE(tracer->watch(netns, {}).has_value());
  }
  Older(const Older&) = delete;
  Older& operator=(const Older&) = delete;
  ~Older() {
    ::close(go[1]);
    program->wait();
    ::close(done[0]);
  }

  void send_when_asked(bool hand_on) const {
    ::close(go[1]);
    enter(network.client.name());
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    const Target target(beyond, 4444);
    need(::connect(fd, target.get(), target.length) == 0);
    char ignored = 0;
    const pid_t child = hand_on ? ::fork() : 1;
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    need(::write(done[1], "x", 1) == 1);
    while (::read(go[0], &ignored, 1) == 1) need(::send(fd, "x", 1, 0) == 1 && ::write(done[1], "x", 1) == 1);
    if (hand_on) need(::kill(child, SIGKILL) == 0 && ::waitpid(child, nullptr, 0) == child);
  }
  void await_program() const {
    char ignored = 0;
    BOOST_REQUIRE_EQUAL(::read(done[0], &ignored, 1), 1);
  }
  [[nodiscard]] std::vector<FlowRecord> leaks_after_a_packet() const {
    BOOST_REQUIRE_EQUAL(::write(go[1], "x", 1), 1);
    await_program();
    std::vector<FlowRecord> found;
    tracer->drain([&](const FlowRecord& record) {
      if (record.event == FlowEvent::packet_outside) found.push_back(record);
    });
    return found;
  }
};

SocketSurvey survey_of(const Tracer& tracer) {
  auto survey = SocketSurvey::start(tracer);
  BOOST_REQUIRE_MESSAGE(survey.has_value(), why(survey));
  return std::move(*survey);
}

BOOST_FIXTURE_TEST_CASE(a_socket_that_is_older_than_the_tracer_is_nobodys_until_it_is_looked_for, Older) {
  if (tracer->abilities().older_sockets) {
    const auto before = leaks_after_a_packet();
    BOOST_REQUIRE_EQUAL(before.size(), 1U);
    BOOST_TEST(!before[0].flow.owner.has_value());
    BOOST_TEST(before[0].flow.netns == netns);
  }
  const auto survey = survey_of(*tracer);
  const auto holders = survey.holders();
  BOOST_REQUIRE_MESSAGE(holders.has_value(), why(holders));
  BOOST_REQUIRE_EQUAL(holders->rows.size(), 1U);
  const auto& holder = holders->rows[0];
  BOOST_TEST(holder.name == "older");
  BOOST_TEST(holder.pid == static_cast<std::uint32_t>(program->pid()));
  BOOST_TEST(holder.uid == 0U);
  BOOST_TEST(holder.netns == netns);
  BOOST_TEST(int{holder.protocol} == IPPROTO_UDP);
  BOOST_TEST(!holder.v6);
  const auto after = leaks_after_a_packet();
  BOOST_REQUIRE_EQUAL(after.size(), 1U);
  BOOST_REQUIRE(after[0].flow.owner.has_value());
  BOOST_TEST(after[0].flow.owner->name == "older");
  BOOST_TEST(after[0].flow.owner->pid == holder.pid);
  BOOST_TEST((after[0].flow.owner->by == OwnerBy::held));
  BOOST_TEST(!after[0].flow.owner->several);
  BOOST_TEST(after[0].flow.owner->cgroup == holder.cgroup);
  BOOST_TEST(after[0].flow.socket == holder.socket);
}

BOOST_AUTO_TEST_CASE(a_socket_that_several_programs_hold_says_so) {
  const Older older(true);
  const auto survey = survey_of(*older.tracer);
  BOOST_TEST(survey.holders()->rows.size() == 2U);
  const auto leaks = older.leaks_after_a_packet();
  BOOST_REQUIRE_EQUAL(leaks.size(), 1U);
  BOOST_TEST((leaks[0].flow.owner->by == OwnerBy::held));
  BOOST_TEST(leaks[0].flow.owner->several);
}

BOOST_AUTO_TEST_CASE(where_a_packet_does_not_tell_its_namespace_a_survey_makes_older_sockets_seen) {
  TracerSettings settings;
  settings.as_on_5_10 = true;
  const Older older(false, settings);
  BOOST_TEST(older.leaks_after_a_packet().empty());
  const auto survey = survey_of(*older.tracer);
  BOOST_REQUIRE(survey.holders().has_value());
  const auto leaks = older.leaks_after_a_packet();
  BOOST_REQUIRE_EQUAL(leaks.size(), 1U);
  BOOST_TEST(leaks[0].flow.owner->name == "older");
}

BOOST_AUTO_TEST_CASE(a_list_of_holders_has_a_limit) {
  const Older older;
  const auto survey = survey_of(*older.tracer);
  const auto holders = survey.holders(0);
  BOOST_REQUIRE(holders.has_value());
  BOOST_TEST(holders->rows.empty());
  BOOST_TEST(holders->cut);
}

BOOST_FIXTURE_TEST_CASE(a_survey_changes_nothing_that_was_noted_at_a_call, Traced) {
  const auto survey = survey_of(tracer);
  int go[2];
  BOOST_REQUIRE_EQUAL(::pipe2(go, O_CLOEXEC), 0);
  int done[2];
  BOOST_REQUIRE_EQUAL(::pipe2(done, O_CLOEXEC), 0);
  Program program("sender", [&] {
    enter(client.name());
    const int fd = make_bound(AF_INET, SOCK_DGRAM, 0, "eth0");
    send_to(fd, {beyond, 4444}, 1);
    char ignored = 0;
    need(::write(done[1], "x", 1) == 1 && ::read(go[0], &ignored, 1) == 1);
  });
  char ignored = 0;
  BOOST_REQUIRE_EQUAL(::read(done[0], &ignored, 1), 1);
  BOOST_REQUIRE_EQUAL(survey.holders()->rows.size(), 1U);
  const auto flows = survey.flows();
  BOOST_REQUIRE(flows.has_value());
  bool seen = false;
  for (const auto& flow : flows->rows) {
    if (flow.outside.packets == 0) continue;
    seen = true;
    BOOST_TEST((flow.owner->by == OwnerBy::sent));
    BOOST_TEST(flow.owner->name == "sender");
  }
  BOOST_TEST(seen);
  BOOST_REQUIRE_EQUAL(::write(go[1], "x", 1), 1);
}

}  // namespace
