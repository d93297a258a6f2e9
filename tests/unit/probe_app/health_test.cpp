#include "probe/app/health.hpp"

#include <sys/stat.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "probe/app/commands.hpp"
#include "probe/app/health_socket.hpp"
#include "tests/unit/probe/delivery/make_item.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

TargetHealth target(std::chrono::milliseconds since_look, bool gone = false, std::optional<std::string> blind = std::nullopt) {
  return {"office", since_look, gone, std::move(blind)};
}

std::string line_of(const std::vector<TargetHealth>& targets) { return health_line(targets); }

/// A daemon's loop on a thread of its own, with the socket in `folder`.
struct Loop {
  explicit Loop(const std::string& folder, std::string line) {
    auto opened = HealthSocket::open(io, folder, [line] { return line; });
    BOOST_REQUIRE_MESSAGE(opened.has_value(), (opened ? std::string() : opened.error().message));
    socket = std::move(*opened);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    io.stop();
    if (thread.joinable()) thread.join();
  }
  void run() {
    thread = std::jthread([this] { io.run(); });
  }

  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::unique_ptr<HealthSocket> socket;
  std::jthread thread;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(probe_health)

BOOST_AUTO_TEST_CASE(who_looks_is_healthy_whatever_it_sees) {
  BOOST_TEST(line_of({target(1s)}) == "healthy: 1 target(s) watched\n");
  BOOST_TEST(line_of({target(1s), target(29s, true, "gone")}) == "healthy: 2 target(s) watched, 1 of them not there\n");
  BOOST_TEST(line_of({}) == "healthy: 0 target(s) watched\n");
}

BOOST_AUTO_TEST_CASE(who_cannot_look_or_has_stopped_looking_is_not) {
  BOOST_TEST(line_of({target(1s), target(1s, false, "setns: not permitted")}) ==
             "unhealthy: office cannot be looked at: setns: not permitted\n");
  BOOST_TEST(line_of({target(31s)}) == "unhealthy: office was not looked at for 31 s\n");
  BOOST_TEST(line_of({target(90s, true, "gone")}) == "unhealthy: office was not looked at for 1 min 30 s\n");
  BOOST_TEST(line_of({target(31s), target(1s), target(40s)}) == "unhealthy: office was not looked at for 31 s, and 1 other target(s)\n");
}

BOOST_AUTO_TEST_CASE(names_and_reasons_from_outside_make_neither_a_second_line_nor_a_long_one) {
  auto odd = target(1s, false, std::string(5000, 'x') + "\nhealthy: all is well\n");
  odd.client_id = "a\nhealthy: b";
  const auto line = line_of({odd});
  BOOST_TEST(line.size() < 1024U);
  BOOST_TEST(line.find('\n') == line.size() - 1);
  BOOST_TEST(!says_healthy(line));
}

BOOST_AUTO_TEST_CASE(half_an_answer_is_none) {
  BOOST_TEST(says_healthy("healthy: 1 target(s) watched\n"));
  for (const auto* text : {"", "\n", "healthy", "healthy: 1 target(s) wat", "unhealthy: healthy: x\n", " healthy: x\n"})
    BOOST_TEST(!says_healthy(text), text);
}

BOOST_AUTO_TEST_CASE(a_loop_that_runs_answers_each_who_asks) {
  const TemporaryFolder folder;
  Loop loop(folder.file(""), "healthy: yes\n");
  loop.run();
  for (int i = 0; i < 50; ++i) BOOST_TEST(ask_health(folder.file(""), 5s).value() == "healthy: yes\n");
  BOOST_TEST(healthcheck_command(folder.file("")) == 0);
}

BOOST_AUTO_TEST_CASE(a_loop_that_hangs_answers_nobody_and_is_told_so) {
  const TemporaryFolder folder;
  const Loop loop(folder.file(""), "healthy: yes\n");
  const auto answer = ask_health(folder.file(""), 50ms);
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST((answer.error().kind == Error::Kind::timed_out), answer.error().message);
}

BOOST_AUTO_TEST_CASE(those_who_waited_in_vain_do_not_keep_a_loop_from_answering_later) {
  const TemporaryFolder folder;
  Loop loop(folder.file(""), "healthy: yes\n");
  // More than the queue takes: the last ones are told at once that nobody accepts.
  for (int i = 0; i < 40; ++i) BOOST_TEST(!ask_health(folder.file(""), 1ms).has_value());
  loop.run();
  Result<std::string> answer = fail(Error::Kind::failed, "");
  for (int i = 0; i < 1000 && !answer; ++i) answer = ask_health(folder.file(""), 5s);
  BOOST_TEST(answer.has_value());
}

BOOST_AUTO_TEST_CASE(a_daemon_that_is_dead_or_was_never_there_is_unhealthy) {
  const TemporaryFolder folder;
  BOOST_TEST((ask_health(folder.file("nowhere"), 1s).error().kind == Error::Kind::not_found));
  BOOST_TEST((ask_health(folder.file(""), 1s).error().kind == Error::Kind::not_found));
  {
    // What a killed daemon leaves: the file, without a listener.
    auto left = std::make_unique<Loop>(folder.file(""), "healthy: yes\n");
    std::filesystem::create_hard_link(folder.file("probe.health"), folder.file("kept"));
    left.reset();
    std::filesystem::rename(folder.file("kept"), folder.file("probe.health"));
  }
  BOOST_TEST((ask_health(folder.file(""), 1s).error().kind == Error::Kind::unreachable));
  BOOST_TEST(healthcheck_command(folder.file("")) == 1);
  Loop next(folder.file(""), "healthy: again\n");
  next.run();
  BOOST_TEST(ask_health(folder.file(""), 5s).value() == "healthy: again\n");
}

BOOST_AUTO_TEST_CASE(an_answer_without_end_is_none) {
  const TemporaryFolder folder;
  Loop loop(folder.file(""), std::string(100'000, 'h'));
  loop.run();
  // What is sent is cut, so it ends without the end of a line.
  const auto answer = ask_health(folder.file(""), 5s);
  BOOST_TEST(answer.value().size() == 4096U);
  BOOST_TEST(!says_healthy(*answer));
}

BOOST_AUTO_TEST_CASE(a_folder_with_a_long_name_is_no_obstacle_and_the_socket_is_its_users_alone) {
  const TemporaryFolder folder;
  const auto deep = folder.file(std::string(200, 'd'));
  std::filesystem::create_directory(deep);
  Loop loop(deep, "healthy: yes\n");
  loop.run();
  BOOST_TEST(ask_health(deep, 5s).has_value());
  struct stat file {};
  BOOST_REQUIRE(::stat((deep + "/probe.health").c_str(), &file) == 0);
  BOOST_TEST((file.st_mode & 07777U) == 0600U);
}

BOOST_AUTO_TEST_SUITE_END()
