#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

#include "netns/base/clock.hpp"
#include "netns/sockets/process_files.hpp"
#include "netns/sockets/socket_list.hpp"
#include "probe/checks/resolver_path.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;

namespace {

std::string own_name() {
  std::ifstream file("/proc/self/comm");
  std::string name;
  std::getline(file, name);
  return name + " (pid " + std::to_string(::getpid()) + ")";
}

struct Fixture {
  TestNamespace space;

  Fixture() { space.run("ip link set lo up"); }

  Fd bind_v4(const char* address, std::uint16_t port) const {
    sockaddr_in near{};
    near.sin_family = AF_INET;
    near.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &near.sin_addr);
    return bind(AF_INET, near);
  }
  Fd bind_v6(const char* address, std::uint16_t port) const {
    sockaddr_in6 near{};
    near.sin6_family = AF_INET6;
    near.sin6_port = htons(port);
    ::inet_pton(AF_INET6, address, &near.sin6_addr);
    return bind(AF_INET6, near);
  }
  [[nodiscard]] std::string stub_of(const char* resolv_conf) const {
    ResolverFiles files;
    files.resolv_conf = resolv_conf;
    files.stub_program = "what was known before";
    name_stub(files, space.opener());
    return make_resolver_path(files).stub_program;
  }

 private:
  template <typename Address>
  Fd bind(int family, const Address& near) const {
    auto socket = space.opener()(family, SOCK_DGRAM, 0);
    BOOST_REQUIRE(socket.has_value());
    BOOST_REQUIRE(::bind(socket->get(), reinterpret_cast<const sockaddr*>(&near), sizeof near) == 0);
    return std::move(*socket);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(stub_name, Fixture)

BOOST_AUTO_TEST_CASE(the_program_that_listens_where_programs_ask_is_named) {
  const auto socket = bind_v4("127.0.0.1", 53);
  BOOST_TEST(stub_of("nameserver 127.0.0.1\n") == own_name());
  BOOST_TEST(stub_of("") == own_name());  // without a line glibc asks there
}

BOOST_AUTO_TEST_CASE(a_program_that_listens_on_every_address_is_named_too) {
  for (const bool v6 : {false, true}) {
    const auto socket = v6 ? bind_v6("::", 53) : bind_v4("0.0.0.0", 53);
    BOOST_TEST(stub_of("nameserver 127.0.1.1\n") == own_name());
  }
  const auto socket = bind_v6("::1", 53);
  BOOST_TEST(stub_of("nameserver ::1\n") == own_name());
}

BOOST_AUTO_TEST_CASE(who_listens_elsewhere_is_not_named) {
  const auto other_address = bind_v4("127.0.0.2", 53);
  const auto other_port = bind_v4("127.0.0.1", 5353);
  BOOST_TEST(stub_of("nameserver 127.0.0.1\n") == "no program that listens there");
  const TestNamespace other;
  other.run("ip link set lo up");
  const auto here = bind_v4("127.0.0.1", 53);
  BOOST_TEST(list_udp_listeners(other.opener(), Endpoint::parse("127.0.0.1:53", 0).value())->empty());
}

BOOST_AUTO_TEST_CASE(stubs_that_are_known_by_their_address_and_servers_elsewhere_are_not_looked_for) {
  const auto socket = bind_v4("0.0.0.0", 53);
  for (const auto* text : {"nameserver 127.0.0.53\n", "nameserver 127.0.0.11\n", "nameserver 192.0.2.1\n"})
    BOOST_TEST(stub_of(text).empty());
}

BOOST_AUTO_TEST_CASE(of_two_sockets_the_one_with_that_very_address_gets_the_questions) {
  const auto exact = bind_v4("127.0.0.1", 53);
  const auto any = bind_v4("127.0.0.3", 53);
  const auto listeners = list_udp_listeners(space.opener(), Endpoint::parse("127.0.0.1:53", 0).value());
  BOOST_REQUIRE(listeners.has_value());
  BOOST_TEST(listeners->size() == 1U);
  const auto holder = find_socket_holder(*listeners, mono_now() + std::chrono::seconds{5});
  BOOST_REQUIRE(holder.has_value());
  BOOST_TEST(holder->pid == ::getpid());
  BOOST_TEST((find_socket_holder(*listeners, mono_now()).error().kind == Error::Kind::timed_out));
}

BOOST_AUTO_TEST_SUITE_END()
