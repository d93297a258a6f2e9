#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>
#include <tuple>

#include "netns/base/clock.hpp"
#include "netns/sockets/patient_look.hpp"
#include "netns/sockets/wireguard_uapi.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    out = Fd{ends[0]};
    in = Fd{ends[1]};
  }
  Fd out;
  Fd in;
};

/// A process with a mount namespace of its own, in which /run is a FUSE file system whose server never answers.
class Hanging {
 public:
  Hanging() {
    child_ = ::fork();
    if (child_ == 0) ::_exit(hang() && ::raise(SIGSTOP) == 0 ? 0 : 1);
    int status = 0;
    ::waitpid(child_, &status, WUNTRACED);
    works_ = WIFSTOPPED(status);
  }
  Hanging(const Hanging&) = delete;
  Hanging& operator=(const Hanging&) = delete;
  /// The mount ends with its server, and whoever waits for it is released.
  ~Hanging() {
    if (!works_) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  [[nodiscard]] bool works() const { return works_; }
  [[nodiscard]] pid_t pid() const { return child_; }

 private:
  static bool hang() {
    const int server = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (server < 0 || ::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    const auto options = fmt::format("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", server);
    return ::mount("vs", "/run", "fuse.vs", 0, options.c_str()) == 0;
  }

  pid_t child_ = -1;
  bool works_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hanging_mount)

BOOST_AUTO_TEST_CASE(a_look_that_hangs_is_given_up_and_not_begun_again_until_it_ends) {
  auto hold = std::make_shared<Pipe>();
  const auto read_from = [](const std::shared_ptr<Pipe>& pipe) {
    return [pipe]() -> Result<Fd> {
      char byte = 0;
      std::ignore = ::read(pipe->out.get(), &byte, 1);
      return Fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    };
  };
  const auto begin = mono_now();
  BOOST_TEST((patient_look("process 1", 20ms, read_from(hold)).error().kind == Error::Kind::timed_out));
  BOOST_TEST((mono_now() - begin < 5s));
  const auto again = patient_look("process 1", 1h, [] { return Result<Fd>(Fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}); });
  BOOST_TEST_REQUIRE(!again.has_value());
  BOOST_TEST(again.error().message.find("process 1") != std::string::npos);
  // Others are looked at all the same.
  BOOST_TEST(patient_look("process 2", 10s, [] { return Result<Fd>(Fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}); }).has_value());
  BOOST_REQUIRE(::write(hold->in.get(), "x", 1) == 1);
  const auto deadline = mono_now() + 10s;
  const auto quick = [] { return Result<Fd>(Fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}); };
  auto look = patient_look("process 1", 10s, quick);
  while (!look && mono_now() < deadline) look = patient_look("process 1", 10s, quick);
  BOOST_TEST(look.has_value());
}

BOOST_AUTO_TEST_CASE(the_number_of_looks_that_hang_is_bounded) {
  auto hold = std::make_shared<Pipe>();
  for (std::size_t i = 0; i < most_hanging_looks; ++i) {
    const auto look = patient_look(fmt::format("bounded {}", i), 0ms, [hold]() -> Result<Fd> {
      char byte = 0;
      std::ignore = ::read(hold->out.get(), &byte, 1);
      return fail(Error::Kind::failed, "released");
    });
    BOOST_TEST(!look.has_value());
  }
  BOOST_TEST((patient_look("one more", 10s, [] { return Result<Fd>(Fd{}); }).error().kind == Error::Kind::overrun));
  for (std::size_t i = 0; i < most_hanging_looks; ++i) BOOST_REQUIRE(::write(hold->in.get(), "x", 1) == 1);
  const auto deadline = mono_now() + 10s;
  const auto refused = [] { return patient_look("one more", 10s, [] { return Result<Fd>(Fd{}); }).has_value(); };
  bool free = refused();
  while (!free && mono_now() < deadline) free = refused();
  BOOST_TEST(free);
}

BOOST_AUTO_TEST_CASE(a_fuse_mount_that_does_not_answer_does_not_hold_the_thread_that_looks_for_a_control_socket) {
  const Hanging program;
  if (!program.works()) {
    BOOST_TEST_MESSAGE("SKIPPED: mounting FUSE needs root and /dev/fuse");
    return;
  }
  const auto begin = mono_now();
  const auto found = find_uapi_socket(program.pid(), "wg0", 100ms);
  BOOST_TEST_REQUIRE(!found.has_value());
  BOOST_TEST((found.error().kind == Error::Kind::timed_out), found.error().message);
  BOOST_TEST((mono_now() - begin < 5s));
  BOOST_TEST(found.error().message.find(fmt::format("process {}", program.pid())) != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
