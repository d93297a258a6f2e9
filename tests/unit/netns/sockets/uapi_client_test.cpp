#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <thread>

#include "netns/sockets/wireguard_uapi.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

/// A root directory of its own with /var/run/wireguard, and a process that lives in it.
class Jail {
 public:
  Jail() : root_(std::filesystem::temp_directory_path() / fmt::format("vs{}-jail", ::getpid())) {
    std::filesystem::create_directories(root_ / "run/wireguard");
    std::filesystem::create_directories(root_ / "var");
    std::filesystem::create_directory_symlink("/run", root_ / "var/run");
    child_ = ::fork();
    if (child_ == 0) {
      ::_exit(::chroot(root_.c_str()) == 0 && ::raise(SIGSTOP) == 0 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child_, &status, WUNTRACED);
    inside_ = WIFSTOPPED(status);
  }
  Jail(const Jail&) = delete;
  Jail& operator=(const Jail&) = delete;
  ~Jail() {
    if (inside_) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    std::filesystem::remove_all(root_);
  }
  [[nodiscard]] bool works() const { return inside_; }
  [[nodiscard]] pid_t pid() const { return child_; }
  [[nodiscard]] std::filesystem::path folder() const { return root_ / "run/wireguard"; }

 private:
  std::filesystem::path root_;
  pid_t child_ = -1;
  bool inside_ = false;
};

Fd listener(const std::filesystem::path& path) {
  Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  BOOST_REQUIRE_EQUAL(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  BOOST_REQUIRE_EQUAL(::listen(fd.get(), 1), 0);
  return fd;
}

Fd opened(const std::filesystem::path& path) { return Fd{::open(path.c_str(), O_PATH | O_CLOEXEC)}; }

/// A daemon that takes one connection and does `work` with it.
Result<WireGuardDevice> ask_while(const std::function<void(int)>& work, std::chrono::milliseconds patience = 500ms) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("vs{}-uapi.sock", ::getpid());
  const auto server = listener(path);
  Result<WireGuardDevice> answer;
  {
    std::jthread daemon([&] {
      const Fd connection{::accept(server.get(), nullptr, nullptr)};
      work(connection.get());
    });
    answer = ask_uapi(opened(path), "wg0", patience);
  }
  std::filesystem::remove(path);
  return answer;
}

void reply(int connection, std::string_view text) {
  char question[16]{};
  (void)!::recv(connection, question, 7, MSG_WAITALL);
  (void)!::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

void wait_for_hang_up(int connection) {
  char byte = 0;
  while (::recv(connection, &byte, 1, 0) > 0) {
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(uapi_client)

BOOST_AUTO_TEST_CASE(a_daemon_is_asked_and_answers_in_pieces) {
  std::string question(7, ' ');
  const auto device = ask_while([&](int connection) {
    (void)!::recv(connection, question.data(), 7, MSG_WAITALL);
    for (const char byte : std::string_view("listen_port=7\nerrno=0\n\n")) (void)!::send(connection, &byte, 1, MSG_NOSIGNAL);
    wait_for_hang_up(connection);
  });
  BOOST_TEST(question == "get=1\n\n");
  BOOST_TEST_REQUIRE(device.has_value());
  BOOST_TEST(device->listen_port == 7);
}

BOOST_AUTO_TEST_CASE(a_daemon_that_hangs_costs_no_more_than_the_patience) {
  const auto started = mono_now();
  const auto device = ask_while([](int connection) { wait_for_hang_up(connection); }, 50ms);
  BOOST_TEST((device.error().kind == Error::Kind::timed_out));
  BOOST_TEST((mono_now() - started >= 50ms));
}

BOOST_AUTO_TEST_CASE(a_daemon_that_never_stops_talking_costs_no_more_than_the_patience) {
  const auto device = ask_while(
      [](int connection) {
        while (::send(connection, "a=1\n", 4, MSG_NOSIGNAL) > 0) std::this_thread::yield();
      },
      50ms);
  BOOST_TEST_REQUIRE(!device.has_value());
  BOOST_TEST((device.error().kind == Error::Kind::timed_out || device.error().kind == Error::Kind::overrun));
}

BOOST_AUTO_TEST_CASE(a_daemon_that_ends_early_gave_no_answer) {
  BOOST_TEST((ask_while([](int connection) { reply(connection, "listen_port=7\n"); }).error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_file_that_a_killed_daemon_left_behind_is_unreachable) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("vs{}-stale.sock", ::getpid());
  (void)listener(path);
  const auto device = ask_uapi(opened(path), "wg0");
  std::filesystem::remove(path);
  BOOST_TEST((device.error().kind == Error::Kind::unreachable));
}

BOOST_AUTO_TEST_CASE(a_daemon_that_accepts_nobody_does_not_block_the_caller) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("vs{}-full.sock", ::getpid());
  const auto server = listener(path);
  const auto file = opened(path);
  Error::Kind kind = Error::Kind::failed;
  for (int tries = 0; tries < 4; ++tries) kind = ask_uapi(file, "wg0", 20ms).error().kind;
  std::filesystem::remove(path);
  BOOST_TEST((kind == Error::Kind::timed_out));
}

BOOST_AUTO_TEST_CASE(the_socket_is_found_in_the_root_of_the_process_and_links_do_not_lead_out_of_it) {
  const Jail jail;
  if (!jail.works()) {
    BOOST_TEST_MESSAGE("SKIPPED: chroot needs root");
    return;
  }
  const auto inside = listener(jail.folder() / "wg0.sock");
  BOOST_TEST(find_uapi_socket(jail.pid(), "wg0").has_value());
  BOOST_TEST((find_uapi_socket(jail.pid(), "wg1").error().kind == Error::Kind::not_found));
  // The same path outside exists: a link that was followed from the caller's root would find it.
  const auto path = std::filesystem::temp_directory_path() / fmt::format("vs{}-outside.sock", ::getpid());
  const auto outside = listener(path);
  std::filesystem::create_symlink(path, jail.folder() / "wg2.sock");
  BOOST_TEST((find_uapi_socket(jail.pid(), "wg2").error().kind == Error::Kind::not_found));
  std::filesystem::create_symlink("../../../../../../../../" + path.native(), jail.folder() / "wg3.sock");
  BOOST_TEST((find_uapi_socket(jail.pid(), "wg3").error().kind == Error::Kind::not_found));
  std::filesystem::remove(path);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_and_a_name_that_is_a_path_are_refused) {
  const Jail jail;
  if (jail.works()) {
    std::filesystem::create_directories(jail.folder() / "wg0.sock");
    BOOST_TEST((find_uapi_socket(jail.pid(), "wg0").error().kind == Error::Kind::invalid));
  }
  BOOST_TEST((find_uapi_socket(::getpid(), "../../x").error().kind == Error::Kind::invalid));
  BOOST_TEST((find_uapi_socket(::getpid(), "").error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_SUITE_END()
