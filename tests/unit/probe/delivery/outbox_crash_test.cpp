// What survives when the process is killed without a word. Each case forks: the child is killed, the parent opens the file.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>

#include "tests/unit/probe/delivery/make_item.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// Runs `work` in a child that ends by SIGKILL when it is done, as with kill -9: no destructor, no exit handler.
void killed_after(const std::function<void()>& work) {
  const auto child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    work();
    ::raise(SIGKILL);
  }
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_TEST(WIFSIGNALED(status));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outbox_crash)

BOOST_AUTO_TEST_CASE(what_was_written_survives_kill_9) {
  const TemporaryFolder folder;
  killed_after([&] {
    const auto box = open_outbox(folder.file()).release();  // never destroyed, as when killed
    for (std::uint64_t seq = 1; seq <= 20; ++seq) box->enqueue(change(seq));
    box->enqueue(keepalive(21));
    box->acknowledged("a", "b1", 1);
    if (!box->wait_written(std::chrono::seconds{20})) ::_exit(1);
  });
  const auto box = open_outbox(folder.file());
  BOOST_TEST(!box->trouble().has_value());
  BOOST_TEST(take_all(*box) == "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
}

BOOST_AUTO_TEST_CASE(an_enqueued_item_is_written_at_once_without_being_asked) {
  const TemporaryFolder folder;
  std::array<int, 2> pipe{};
  BOOST_REQUIRE(::pipe(pipe.data()) == 0);
  const auto child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    const auto box = open_outbox(folder.file()).release();
    box->enqueue(change(1));
    [[maybe_unused]] const auto told = ::write(pipe[1], "1", 1);
    for (;;) ::pause();
  }
  char told = 0;
  BOOST_REQUIRE(::read(pipe[0], &told, 1) == 1);
  // The row is in the log as soon as the log has grown beyond what making the table wrote; a frame of the commit carries the text.
  const auto deadline = mono_now() + std::chrono::seconds{20};
  const auto has_row = [&] {
    std::ifstream log(folder.file() + "-wal", std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(log), {});
    return bytes.find("\"trigger\":\"change\"") != std::string::npos;
  };
  while (!has_row() && mono_now() < deadline) ::usleep(1000);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
  BOOST_TEST(take_all(*open_outbox(folder.file())) == "1");
}

BOOST_AUTO_TEST_CASE(kill_9_at_any_moment_leaves_a_file_that_opens_with_a_prefix_of_what_was_enqueued) {
  for (int round = 0; round < 10; ++round) {
    const TemporaryFolder folder;
    killed_after([&] {
      const auto box = open_outbox(folder.file()).release();
      for (std::uint64_t seq = 1; seq <= 50 + 20 * static_cast<std::uint64_t>(round); ++seq) box->enqueue(change(seq));
    });
    const auto box = open_outbox(folder.file());
    BOOST_TEST(!box->trouble().has_value());
    std::uint64_t expected = 1;
    for (const auto* item = box->front("a"); item; item = box->front("a")) {
      BOOST_TEST(item->report.seq == expected++);
      box->acknowledged("a", "b1", item->report.seq);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
