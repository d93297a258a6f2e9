#include "netns/clients/container_engine.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <thread>

#include "netns/base/clock.hpp"
#include "netns/base/fd.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

const auto never = [] { return false; };

/// An engine that takes one request and answers with `reply`; an empty one means that it hangs until its end.
class Engine {
 public:
  explicit Engine(std::string reply) : reply_(std::move(reply)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    BOOST_REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    BOOST_REQUIRE(::listen(listener_.get(), 1) == 0);
    if (!reply_.empty()) thread_ = std::jthread([this] { serve(); });
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine() {
    if (thread_.joinable()) thread_.join();
    ::unlink(path_.c_str());
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string request() {
    if (thread_.joinable()) thread_.join();
    return request_;
  }

 private:
  void serve() {
    const Fd connection{::accept(listener_.get(), nullptr, nullptr)};
    while (request_.find("\r\n\r\n") == std::string::npos) {
      std::array<char, 512> buffer{};
      const auto size = ::recv(connection.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) return;
      request_.append(buffer.data(), static_cast<std::size_t>(size));
    }
    for (std::size_t sent = 0; sent < reply_.size();) {
      const auto size = ::send(connection.get(), reply_.data() + sent, reply_.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) return;
      sent += static_cast<std::size_t>(size);
    }
  }

  std::string reply_;
  std::string request_;
  std::string path_ = fmt::format("{}/vs{}-engine", std::filesystem::temp_directory_path().string(), ::getpid());
  Fd listener_;
  std::jthread thread_;
};

std::string answer(const std::string& state) { return fmt::format(R"({{"Id":"{}","State":{}}})", std::string(64, 'a'), state); }

std::string reply_with(const std::string& body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(container_engine)

BOOST_AUTO_TEST_CASE(a_running_container_has_a_process) {
  const auto read = read_engine_answer("vpn", 200, answer(R"({"Running":true,"Pid":4242})"));
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST((*read == EngineAnswer{4242, std::string(64, 'a')}));
}

BOOST_AUTO_TEST_CASE(what_is_not_there_and_what_does_not_run_are_told_apart_in_words) {
  const auto absent = read_engine_answer("vpn", 404, R"({"message":"no such container"})").error();
  BOOST_TEST((absent == Error{Error::Kind::not_found, "there is no container vpn"}));
  const auto stopped = read_engine_answer("vpn", 200, answer(R"({"Running":false,"Pid":0})")).error();
  BOOST_TEST((stopped == Error{Error::Kind::not_found, "the container vpn is not running"}));
  BOOST_TEST((read_engine_answer("vpn", 200, answer(R"({"Running":true,"Pid":0})")).error() == stopped));
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_never_taken_for_absence) {
  for (const auto& body : {std::string(), std::string("{"), std::string("[]"), std::string("null"), answer("{}"), answer("7"),
                           answer(R"({"Running":1,"Pid":4242})"), answer(R"({"Running":true,"Pid":"4242"})"), answer(R"({"Running":true})"),
                           answer(R"({"Running":true,"Pid":99999999999})"), std::string(R"({"State":{"Running":true,"Pid":1}})")}) {
    BOOST_TEST((read_engine_answer("vpn", 200, body).error().kind == Error::Kind::failed), body);
  }
  BOOST_TEST((read_engine_answer("vpn", 500, "").error().kind == Error::Kind::failed));
}

BOOST_AUTO_TEST_CASE(an_engine_is_asked_by_get_and_nothing_else) {
  Engine engine(reply_with(answer(R"({"Running":true,"Pid":7})")));
  const auto told = ask_container_engine(engine.path(), "vpn", 2s, never);
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST(told->pid == 7);
  BOOST_TEST(engine.request().starts_with("GET /containers/vpn/json HTTP/1.1\r\n"));
}

BOOST_AUTO_TEST_CASE(an_engine_that_hangs_costs_its_time_out) {
  const Engine engine("");
  const auto begin = mono_now();
  BOOST_TEST((ask_container_engine(engine.path(), "vpn", 100ms, never).error().kind == Error::Kind::timed_out));
  BOOST_TEST((mono_now() - begin < 2s));
}

BOOST_AUTO_TEST_CASE(an_endless_answer_is_refused) {
  const Engine engine(reply_with(std::string(2 * 1024 * 1024, ' ')));
  BOOST_TEST((ask_container_engine(engine.path(), "vpn", 2s, never).error().kind == Error::Kind::failed));
}

BOOST_AUTO_TEST_CASE(no_socket_and_nobody_behind_it_are_both_no_engine) {
  BOOST_TEST((ask_container_engine("/no/such/socket", "vpn", 2s, never).error().kind == Error::Kind::unavailable));
  std::string left_behind;
  {
    const Engine engine("");
    left_behind = engine.path() + "-old";
    std::filesystem::create_hard_link(engine.path(), left_behind);
  }
  BOOST_TEST((ask_container_engine(left_behind, "vpn", 2s, never).error().kind == Error::Kind::unavailable));
  std::filesystem::remove(left_behind);
}

BOOST_AUTO_TEST_SUITE_END()
