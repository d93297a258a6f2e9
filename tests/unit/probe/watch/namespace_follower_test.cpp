#include "probe/watch/namespace_follower.hpp"

#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <csignal>

#include "tests/unit/netns/support/test_namespace.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

/// A process in a namespace of its own.
class Child {
 public:
  Child() {
    std::array<int, 2> ready{};
    BOOST_REQUIRE(::pipe(ready.data()) == 0);
    pid_ = ::fork();
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      if (::unshare(CLONE_NEWNET) != 0 || ::write(ready[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte = 0;
    BOOST_REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill();
    reap();
  }
  void kill() const {
    if (pid_ > 0) ::kill(pid_, SIGKILL);  // 0 would be the whole process group
  }
  void reap() {
    if (pid_ > 0) ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  [[nodiscard]] NamespaceRef ref() const { return NamespaceRef::of_pid(pid_); }

 private:
  pid_t pid_ = 0;
};

struct Following {
  /// A follower whose owner asks only when it is told to, so that nothing here is found by looking each second.
  void follow(const NamespaceRef& ref) {
    follower = std::make_unique<NamespaceFollower>(io, ref, std::vector<std::string>{});
    follower->start([this] {
      if (space && (lost = follower->lost(*space))) space.reset();
      if (space) return;
      if (auto opened = follower->open()) {
        space = std::move(*opened);
      } else {
        lost = opened.error();
      }
    });
    if (auto opened = follower->open()) space = std::move(*opened);
  }
  bool run_until_lost() {
    return run_until(io, [this] { return !space.has_value(); });
  }
  bool run_until_found() {
    return run_until(io, [this] { return space.has_value(); });
  }

  boost::asio::io_context io{1};
  std::unique_ptr<NamespaceFollower> follower;
  std::optional<NetNamespace> space;
  std::optional<Error> lost;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(namespace_follower, Following)

BOOST_AUTO_TEST_CASE(a_name_is_followed_through_its_end_and_its_new_beginning) {
  const NamedNamespace named("follow");
  named.make();
  follow(named.ref());
  BOOST_TEST_REQUIRE(space.has_value());
  const auto before = space->identity();
  named.remove();
  BOOST_TEST_REQUIRE(run_until_lost());
  BOOST_TEST((lost->kind == Error::Kind::not_found));
  named.make();
  BOOST_TEST_REQUIRE(run_until_found());
  BOOST_TEST((space->identity() != before));
}

BOOST_AUTO_TEST_CASE(a_name_that_was_never_there_is_waited_for) {
  const NamedNamespace named("later");
  follow(named.ref());
  BOOST_TEST(!space.has_value());
  named.make();
  BOOST_TEST(run_until_found());
}

BOOST_AUTO_TEST_CASE(a_name_made_anew_before_anybody_looked_is_another_namespace) {
  const NamedNamespace named("anew");
  named.make();
  follow(named.ref());
  const auto before = space->identity();
  named.remove();
  named.make();
  BOOST_TEST(run_until(io, [&] { return space && space->identity() != before; }));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_yet_a_namespace_is_one_that_is_being_made) {
  const NamedNamespace named("file");
  follow(named.ref());
  run_command_line("touch " + named.file());
  BOOST_TEST_REQUIRE(run_until(io, [&] { return lost && lost->message.find("being made") != std::string::npos; }));
  BOOST_TEST((lost->kind == Error::Kind::not_found));
  // Nothing was mounted on it in time: a file that was left behind.
  BOOST_TEST(run_until(io, [&] { return lost->kind == Error::Kind::invalid; }));
}

BOOST_AUTO_TEST_CASE(the_file_of_a_path_is_followed_like_a_name) {
  const NamedNamespace named("path");
  named.make();
  follow({NamespaceRef::Kind::path, named.file()});
  BOOST_TEST_REQUIRE(space.has_value());
  named.remove();
  BOOST_TEST(run_until_lost());
}

BOOST_AUTO_TEST_CASE(the_end_of_a_process_is_told_even_before_anybody_has_waited_for_it) {
  Child child;
  follow(child.ref());
  BOOST_TEST_REQUIRE(space.has_value());
  child.kill();
  BOOST_TEST_REQUIRE(run_until_lost());
  BOOST_TEST((lost->kind == Error::Kind::not_found));
  child.reap();
  BOOST_TEST((follower->open().error().kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_CASE(a_program_that_gets_the_number_of_an_ended_one_is_a_stranger) {
  Child child;
  const auto ref = child.ref();
  follow(ref);
  BOOST_TEST_REQUIRE(space.has_value());
  child.kill();
  BOOST_TEST_REQUIRE(run_until_lost());
  child.reap();
  // clone3(2) gives a chosen number, Linux 5.5.
  const auto number = static_cast<pid_t>(std::stoi(ref.value));
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uintptr_t>(&number);
  arguments.set_tid_size = 1;
  const auto stranger = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (stranger == 0) {
    for (;;) ::pause();
  }
  if (stranger < 0) BOOST_TEST_MESSAGE("SKIPPED in part: this kernel or container does not let a process choose its number");
  const auto opened = follower->open();
  BOOST_TEST(!opened.has_value());
  BOOST_TEST(opened.error().message.find("has ended") != std::string::npos);
  if (stranger > 0) {
    ::kill(stranger, SIGKILL);
    ::waitpid(stranger, nullptr, 0);
  }
}

BOOST_AUTO_TEST_CASE(a_container_is_searched_for_before_anything_is_said) {
  follow({NamespaceRef::Kind::container, "vpn"});
  BOOST_TEST(follower->is_searching());
  BOOST_TEST((follower->open().error().kind == Error::Kind::timed_out));
  BOOST_TEST_REQUIRE(run_until(io, [&] { return !follower->is_searching(); }));
  BOOST_TEST((follower->open().error().kind == Error::Kind::unavailable));
  BOOST_TEST(follower->open().error().message.find("VPN_SENTINEL_CONTAINER_SOCKETS") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_has_stopped_is_told_nothing) {
  const NamedNamespace named("stop");
  follow(named.ref());
  follower->stop();
  named.make();
  io.run_for(std::chrono::milliseconds{50});
  BOOST_TEST(!space.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
