#include "probe/watch/container_finder.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>

#include "netns/base/fd.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

/// A socket whose engine takes every connection and answers none.
class Hanging {
 public:
  explicit Hanging(const std::string& part)
      : path_(fmt::format("{}/vs{}-{}", std::filesystem::temp_directory_path().string(), ::getpid(), part)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    BOOST_REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    BOOST_REQUIRE(::listen(listener_.get(), 64) == 0);
  }
  Hanging(const Hanging&) = delete;
  Hanging& operator=(const Hanging&) = delete;
  ~Hanging() { std::filesystem::remove(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  Fd listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

struct Finding {
  std::vector<Result<ContainerProcess>> answers;
  std::vector<ContainerFinder::Request> requests;
  boost::asio::io_context io{1};
  ContainerFinder& finder = boost::asio::use_service<ContainerFinder>(io);

  void find(const std::string& container, const std::vector<std::string>& sockets) {
    requests.push_back(finder.find(container, sockets, [this](const Result<ContainerProcess>& answer) { answers.push_back(answer); }));
  }
  bool run_until_answered(std::size_t count) {
    return run_until(io, [&] { return answers.size() >= count; });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(container_finder, Finding)

BOOST_AUTO_TEST_CASE(a_name_without_an_engine_cannot_be_looked_for_and_an_id_can) {
  find("vpn", {"/no/such/socket"});
  find(std::string(64, '0'), {"/no/such/socket"});
  BOOST_TEST_REQUIRE(run_until_answered(2));
  BOOST_TEST((answers[0].error().kind == Error::Kind::unavailable));
  BOOST_TEST(answers[0].error().message.find("/no/such/socket") != std::string::npos);
  // Where this test sees not all processes (in a container), it must not say that there is none.
  const bool sees_all = std::filesystem::read_symlink("/proc/self/ns/pid") == "pid:[4026531836]";
  BOOST_TEST((answers[1].error().kind == (sees_all ? Error::Kind::not_found : Error::Kind::unavailable)));
}

BOOST_AUTO_TEST_CASE(an_engine_that_hangs_stops_neither_the_loop_nor_the_other_targets_for_long) {
  const Hanging engine("hanging");
  const auto begin = mono_now();
  for (int i = 0; i < 100; ++i) find("vpn", {engine.path()});
  BOOST_TEST((mono_now() - begin < 500ms));
  BOOST_TEST_REQUIRE(run_until_answered(100));
  BOOST_TEST((mono_now() - begin < 4s));
  for (const auto& answer : answers) BOOST_TEST((answer.error().kind == Error::Kind::timed_out));
}

BOOST_AUTO_TEST_CASE(who_has_dropped_the_request_is_told_nothing) {
  find("vpn", {"/no/such/socket"});
  requests.clear();
  find("vpn", {"/no/such/socket"});
  BOOST_TEST_REQUIRE(run_until_answered(1));
  BOOST_TEST(answers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_end_does_not_wait_for_an_engine_that_hangs) {
  const Hanging engine("ending");
  const auto begin = mono_now();
  {
    boost::asio::io_context other{1};
    const auto request =
        boost::asio::use_service<ContainerFinder>(other).find("vpn", {engine.path()}, [](const Result<ContainerProcess>&) {});
  }
  BOOST_TEST((mono_now() - begin < 1900ms));
}

BOOST_AUTO_TEST_SUITE_END()
