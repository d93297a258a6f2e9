// The engine on a file system of a few megabytes, in a mount namespace of a process of its own: full under load, and well again.
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/hub/engine/engine_fixture.hpp"

BOOST_AUTO_TEST_SUITE(full_disk)

using namespace vpn_sentinel;
using namespace test;

namespace {

/// Steps are numbers so that the parent can name the one that failed: assertions of a forked child would be lost.
int fill_and_recover(const std::string& folder) {
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=6m") != 0) return 1;
  auto store = open_sqlite_store(folder + "/hub.db");
  if (!store) return 2;
  Record record;
  const auto engine = Engine::start(std::move(*store), {}, record.hooks());
  if (!engine) return 3;
  auto& hub = **engine;
  const auto send = [&hub](std::uint64_t seq, State state) {
    std::promise<SubmitResult> answer;
    auto result = answer.get_future();
    if (!hub.submit(now_report("a", seq, state), [&answer](SubmitResult stored) { answer.set_value(stored); })) std::_Exit(4);
    return result.get();
  };
  std::uint64_t seq = 1;
  if (send(seq, State::secure) != SubmitResult::stored) return 5;
  // Something else takes the room; a little is left for a while of reports.
  std::ofstream ballast(folder + "/ballast", std::ios::binary);
  ballast << std::string(std::size_t{4} * 1024 * 1024, 'x') << std::flush;
  // A checkpoint may make a little room again at any time.
  const auto fill = [&](State state) {
    auto result = SubmitResult::stored;
    while (result == SubmitResult::stored && seq < 100'000) {
      result = send(seq + 1, state);
      if (result == SubmitResult::stored) ++seq;
    }
    return result;
  };
  bool told = false;
  for (int tries = 0; tries < 100 && !told; ++tries) {
    if (fill(State::secure) != SubmitResult::store_full) return 6;
    told = !hub.healthy() && hub.store_trouble().find("the disk is full") != std::string::npos;
  }
  if (!told) return 7;
  // What cannot be stored is shown, and what is stored can be read.
  const auto first_danger = seq + 1;
  if (fill(State::danger) != SubmitResult::store_full || hub.client("a")->state != State::danger) return 8;
  std::promise<std::size_t> read;
  if (!hub.query([&read](StoreReader& reader) { read.set_value(reader.reports({"a"}).value_or(Page{}).items.size()); })) return 9;
  if (read.get_future().get() == 0) return 10;
  ballast.close();
  ::unlink((folder + "/ballast").c_str());
  if (!eventually([&hub] { return hub.healthy(); })) return 11;
  if (send(seq + 1, State::danger) != SubmitResult::stored || hub.client("a")->state != State::danger) return 12;
  ++seq;
  for (std::uint64_t each = 1; each <= seq; ++each) {
    if (send(each, each >= first_danger ? State::danger : State::secure) != SubmitResult::duplicate) return 13;
  }
  return record.troubles().size() >= 2 ? 0 : 14;
}

int in_own_mounts(int (*test)(const std::string&), const std::string& folder) {
  const auto child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0) ::_exit(77);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(77);
    ::_exit(test(folder));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_with_its_reason_loses_nothing_and_recovers_without_a_restart) {
  const test::TemporaryDirectory directory;
  const int step = in_own_mounts(fill_and_recover, directory.path());
  if (step == 77) {
    BOOST_TEST_MESSAGE("SKIPPED: a mount namespace needs root");
    return;
  }
  BOOST_TEST(step == 0);
}

BOOST_AUTO_TEST_SUITE_END()
