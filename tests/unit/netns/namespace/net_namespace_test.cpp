#include "netns/namespace/net_namespace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

/// A name below /run/netns that no other run uses, removed at the end.
class NamedFile {
 public:
  NamedFile() : name_(fmt::format("unit-{}", ::getpid())) {
    std::filesystem::create_directories("/run/netns");
    std::ofstream{path()};
  }
  NamedFile(const NamedFile&) = delete;
  NamedFile& operator=(const NamedFile&) = delete;
  ~NamedFile() { std::filesystem::remove(path()); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::filesystem::path path() const { return "/run/netns/" + name_; }

 private:
  std::string name_;
};

NamespaceIdentity thread_identity() {
  struct stat status {};
  BOOST_REQUIRE_EQUAL(::stat("/proc/thread-self/ns/net", &status), 0);
  return {status.st_dev, status.st_ino};
}

bool some_thread_is_elsewhere() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    struct stat status {};
    if (::stat((task.path() / "ns/net").c_str(), &status) != 0) continue;  // it has ended
    if (NamespaceIdentity{status.st_dev, status.st_ino} != thread_identity()) return true;
  }
  return false;
}

/// SO_NETNS_COOKIE tells in which namespace a socket was made.
std::uint64_t cookie_of(int socket) {
#ifndef SO_NETNS_COOKIE
  constexpr int SO_NETNS_COOKIE = 71;
#endif
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  BOOST_REQUIRE_EQUAL(::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length), 0);
  return cookie;
}

Error open_error(std::string_view ref) {
  const auto opened = NetNamespace::open(NamespaceRef::parse(ref).value());
  BOOST_REQUIRE(!opened);
  return opened.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(net_namespace)

BOOST_AUTO_TEST_CASE(self_and_the_own_pid_are_the_own_namespace) {
  const auto self = NetNamespace::open({}).value();
  const auto pid = NetNamespace::open({NamespaceRef::Kind::pid, std::to_string(::getpid())}).value();
  BOOST_TEST(self.is_own());
  BOOST_TEST(pid.is_own());
  BOOST_TEST((self.identity() == pid.identity()));
  BOOST_TEST(self.identity().to_string() == fmt::format("net:[{}]", self.identity().inode));
}

BOOST_AUTO_TEST_CASE(another_namespace_is_not_the_own_one_even_for_a_thread_that_is_inside) {
  const TestNamespace other;
  BOOST_TEST(!other.get().is_own());
  BOOST_TEST((other.get().identity() != NetNamespace::open({})->identity()));
  bool own_inside = true;
  BOOST_TEST(other.get().run_inside([&] { own_inside = NetNamespace::open({})->identity() == other.get().identity(); }).has_value());
  BOOST_TEST(!own_inside);
}

BOOST_AUTO_TEST_CASE(work_runs_inside_and_the_caller_stays_outside) {
  const TestNamespace other;
  const auto before = thread_identity();
  NamespaceIdentity during;
  BOOST_TEST(other.get().run_inside([&] { during = thread_identity(); }).has_value());
  BOOST_TEST((during == other.get().identity()));
  BOOST_TEST((thread_identity() == before));
}

BOOST_AUTO_TEST_CASE(work_in_the_own_namespace_runs_on_the_calling_thread) {
  const auto caller = ::gettid();
  pid_t during = 0;
  BOOST_TEST(NetNamespace::open({})->run_inside([&] { during = ::gettid(); }).has_value());
  BOOST_TEST(during == caller);
}

BOOST_AUTO_TEST_CASE(an_exception_inside_becomes_an_error) {
  const TestNamespace other;
  const auto own = NetNamespace::open({}).value();
  for (const auto* inside : {&other.get(), &own}) {
    const auto standard = inside->run_inside([] { throw std::runtime_error("it broke"); });
    BOOST_TEST_REQUIRE(!standard.has_value());
    BOOST_TEST((standard.error() == Error{Error::Kind::failed, "it broke"}));
    BOOST_TEST(!inside->run_inside([] { throw 1; }).has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_socket_belongs_to_the_namespace_and_is_close_on_exec_and_non_blocking) {
  const TestNamespace other;
  const auto own = NetNamespace::open({}).value();
  const auto outside = own.open_socket(AF_INET, SOCK_DGRAM, 0).value();
  const auto inside = other.get().open_socket(AF_INET, SOCK_DGRAM, 0).value();
  BOOST_TEST(cookie_of(outside.get()) != cookie_of(inside.get()));
  for (const auto* fd : {&outside, &inside}) {
    BOOST_TEST((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST((::fcntl(fd->get(), F_GETFL) & O_NONBLOCK) != 0);
  }
}

BOOST_AUTO_TEST_CASE(a_socket_that_the_kernel_refuses_is_an_error) {
  const TestNamespace other;
  BOOST_TEST(!other.get().open_socket(-1, SOCK_DGRAM, 0).has_value());
}

BOOST_AUTO_TEST_CASE(an_opener_keeps_the_namespace_after_everything_else_has_gone) {
  SocketOpener open;
  std::uint64_t cookie = 0;
  {
    const TestNamespace other;
    open = other.opener();
    cookie = cookie_of(open(AF_INET, SOCK_DGRAM, 0)->get());
  }
  BOOST_TEST(cookie_of(open(AF_INET, SOCK_DGRAM, 0)->get()) == cookie);
}

BOOST_AUTO_TEST_CASE(what_does_not_exist_is_not_found_and_the_message_says_which) {
  const auto name = open_error("name:no-such-namespace");
  BOOST_TEST((name.kind == Error::Kind::not_found));
  BOOST_TEST(name.message.find("'no-such-namespace'") != std::string::npos);
  const auto pid = open_error("pid:2147483647");
  BOOST_TEST((pid == Error{Error::Kind::not_found, "there is no process 2147483647"}));
  const auto path = open_error("path:/no/such/file");
  BOOST_TEST((path.kind == Error::Kind::not_found));
  BOOST_TEST(path.message.find("/no/such/file") != std::string::npos);
  BOOST_TEST((NetNamespace::identity_of(NamespaceRef::parse("pid:2147483647").value()).error() == pid));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_network_namespace_is_refused) {
  BOOST_TEST((open_error("path:/dev/null").kind == Error::Kind::invalid));
  BOOST_TEST((open_error("path:/proc/self/ns/mnt").kind == Error::Kind::invalid));
  BOOST_TEST((open_error("path:/proc/self/status").kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_name_whose_file_was_never_mounted_is_refused_with_the_remedy) {
  const NamedFile file;
  const auto error = open_error("name:" + file.name());
  BOOST_TEST((error.kind == Error::Kind::invalid));
  BOOST_TEST(error.message.find("plain file") != std::string::npos);
  BOOST_TEST(error.message.find("ip netns delete " + file.name()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_fifo_named_by_mistake_does_not_block) {
  const auto path = fmt::format("{}/unit-fifo-{}", std::filesystem::temp_directory_path().string(), ::getpid());
  BOOST_REQUIRE_EQUAL(::mkfifo(path.c_str(), 0600), 0);
  const auto opened = NetNamespace::open({NamespaceRef::Kind::path, path});
  std::filesystem::remove(path);
  BOOST_TEST_REQUIRE(!opened.has_value());
  BOOST_TEST((opened.error().kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(sockets_made_ready_are_handed_out_first_and_belong_to_the_namespace) {
  const TestNamespace space;
  const auto opener = space.get().opener_with_ready(2, AF_NETLINK, SOCK_RAW, 0);
  BOOST_TEST_REQUIRE(opener.has_value());
  const auto cookie = [](const Result<Fd>& socket) {
    BOOST_TEST_REQUIRE(socket.has_value());
    return cookie_of(socket->get());
  };
  const auto inside = cookie(space.get().open_socket(AF_INET, SOCK_DGRAM, 0));
  for (int i = 0; i < 3; ++i) BOOST_TEST(cookie((*opener)(AF_NETLINK, SOCK_RAW, 0)) == inside);
  BOOST_TEST(cookie((*opener)(AF_INET6, SOCK_STREAM, 0)) == inside);
}

BOOST_AUTO_TEST_CASE(no_thread_stays_in_a_namespace_in_which_sockets_were_made) {
  const TestNamespace other;
  const TestNamespace another;
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(other.get().open_socket(AF_INET, SOCK_DGRAM, 0).has_value());
    BOOST_TEST(another.get().open_socket(AF_INET6, SOCK_DGRAM, 0).has_value());
  }
  // A thread that has been joined may be seen for a moment more.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (some_thread_is_elsewhere() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  BOOST_TEST(!some_thread_is_elsewhere());
}

BOOST_AUTO_TEST_CASE(every_thread_and_a_child_process_can_make_sockets_inside) {
  const TestNamespace other;
  const auto works = [&] { return other.get().open_socket(AF_INET, SOCK_DGRAM, 0).has_value(); };
  BOOST_TEST(works());
  bool on_thread = false;
  std::jthread([&] { on_thread = works(); }).join();
  BOOST_TEST(on_thread);
  const auto child = ::fork();
  if (child == 0) ::_exit(works() ? 0 : 1);
  int status = -1;
  BOOST_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
  BOOST_TEST(status == 0);
  BOOST_TEST(works());
}

BOOST_AUTO_TEST_CASE(a_namespace_that_was_made_again_under_its_name_has_another_identity) {
  const auto name = fmt::format("unit-again-{}", ::getpid());
  const NamespaceRef ref{NamespaceRef::Kind::name, name};
  BOOST_REQUIRE_EQUAL(std::system(("ip netns add " + name).c_str()), 0);
  const auto first = NetNamespace::open(ref);
  BOOST_REQUIRE_EQUAL(std::system(("ip netns delete " + name + " && ip netns add " + name).c_str()), 0);
  const auto second = NetNamespace::identity_of(ref);
  BOOST_REQUIRE_EQUAL(std::system(("ip netns delete " + name).c_str()), 0);
  BOOST_TEST_REQUIRE(first.has_value());
  BOOST_TEST_REQUIRE(second.has_value());
  BOOST_TEST((first->identity() != *second));
  BOOST_TEST(!first->is_named_by(ref));
  BOOST_TEST((NetNamespace::identity_of(ref).error().kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
