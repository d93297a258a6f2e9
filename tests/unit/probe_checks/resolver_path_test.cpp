#include "probe/checks/resolver_path.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

using namespace vpn_sentinel;

namespace {

Result<Fd> own_opener(int domain, int type, int protocol) {
  Fd socket(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!socket) return fail(system_error(errno, "socket"));
  return socket;
}

ResolverFiles files(const char* resolv_conf) {
  ResolverFiles made;
  made.file = "/etc/resolv.conf";
  made.resolv_conf = resolv_conf;
  return made;
}

std::vector<std::uint32_t> indices(const std::vector<StubLink>& links) {
  std::vector<std::uint32_t> numbers;
  for (const auto& link : links) numbers.push_back(link.index);
  return numbers;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resolver_path)

BOOST_AUTO_TEST_CASE(without_a_server_programs_ask_their_own_machine) {
  auto path = make_resolver_path(files(""));
  BOOST_REQUIRE(path.servers.size() == 1U);
  BOOST_TEST(path.servers.front().address.to_string() == "127.0.0.1");
  BOOST_TEST((path.stub == StubKind::local));
  ResolverFiles none;
  path = make_resolver_path(none);
  BOOST_TEST(path.servers.front().address.to_string() == "127.0.0.1");
}

BOOST_AUTO_TEST_CASE(stubs_are_known_by_their_addresses) {
  const struct {
    const char* server;
    StubKind kind;
  } rows[]{{"127.0.0.53", StubKind::systemd_resolved},
           {"127.0.0.54", StubKind::systemd_resolved},
           {"127.0.0.11", StubKind::docker},
           {"127.0.0.1", StubKind::local},
           {"127.0.1.1", StubKind::local},
           {"::1", StubKind::local},
           {"10.8.0.1", StubKind::none},
           {"2001:db8::1", StubKind::none}};
  for (const auto& row : rows) {
    const auto text = std::string("nameserver ") + row.server + "\n";
    BOOST_TEST((make_resolver_path(files(text.c_str())).stub == row.kind), row.server);
  }
}

BOOST_AUTO_TEST_CASE(dockers_servers_are_upstreams_unless_the_host_asks_them) {
  const auto path = make_resolver_path(files("nameserver 127.0.0.11\n# ExtServers: [host(192.168.1.1) 10.8.0.1]\n"));
  BOOST_TEST(path.has_host_forward());
  BOOST_REQUIRE(path.upstreams.size() == 1U);
  BOOST_TEST(path.upstreams.front().address.to_string() == "10.8.0.1");
  // A comment that was left over says nothing when another server is asked.
  BOOST_TEST(!make_resolver_path(files("nameserver 10.8.0.1\n# ExtServers: [host(192.168.1.1)]\n")).has_host_forward());
}

BOOST_AUTO_TEST_CASE(a_link_is_read_as_systemd_writes_it) {
  const auto link =
      parse_stub_link(3, "ADMIN_STATE=configured\nDNS=192.0.2.1:53#dns.example [2001:db8::1]:853 2001:db8::2 bad\nROUTE_DOMAINS=.\n")
          .value();
  BOOST_TEST(link.index == 3U);
  BOOST_REQUIRE(link.servers.size() == 3U);
  BOOST_TEST(link.servers[0].to_string() == "192.0.2.1");
  BOOST_TEST(link.servers[1].to_string() == "2001:db8::1");
  BOOST_TEST(link.catch_all);
  BOOST_TEST(!parse_stub_link(3, "ADMIN_STATE=configured\nDNS=\n").has_value());
  const auto told = parse_stub_link(4, "LLMNR=no\nSERVERS=10.8.0.1\nDOMAINS=~. example.org\nDEFAULT_ROUTE=no\n").value();
  BOOST_TEST(told.catch_all);
  BOOST_TEST((told.default_route == false));
}

BOOST_AUTO_TEST_CASE(systemd_resolved_asks_all_default_links_unless_one_claims_every_name) {
  auto made = files("nameserver 127.0.0.53\n");
  made.upstreams = "nameserver 10.8.0.1\nnameserver 192.168.77.1\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
  made.network_links[2] = "DNS=192.168.77.1\n";
  made.network_links[5] = "DNS=10.8.0.1\n";
  made.network_links[6] = "DNS=\n";
  auto path = make_resolver_path(made);
  BOOST_TEST(path.upstreams.size() == 4U);
  BOOST_TEST((indices(path.default_links()) == std::vector<std::uint32_t>{2, 5}));
  made.network_links[5] = "DNS=10.8.0.1\nROUTE_DOMAINS=.\n";
  BOOST_TEST((indices(make_resolver_path(made).default_links()) == std::vector<std::uint32_t>{5}));
  made.network_links[5] = "DNS=10.8.0.1\n";
  made.network_links[2] = "DNS=192.168.77.1\nROUTE_DOMAINS=home.arpa\n";
  BOOST_TEST((indices(make_resolver_path(made).default_links()) == std::vector<std::uint32_t>{5}));
  made.network_links[2] = "DNS=192.168.77.1\nROUTE_DOMAINS=home.arpa\nDNS_DEFAULT_ROUTE=yes\n";
  BOOST_TEST((indices(make_resolver_path(made).default_links()) == std::vector<std::uint32_t>{2, 5}));
  // What NetworkManager told systemd-resolved wins over what networkd knows.
  made.resolver_links[2] = "SERVERS=192.168.77.1\nDEFAULT_ROUTE=no\n";
  BOOST_TEST((indices(make_resolver_path(made).default_links()) == std::vector<std::uint32_t>{5}));
}

BOOST_AUTO_TEST_CASE(a_unix_socket_counts_only_when_names_are_looked_up_by_it) {
  auto made = files("nameserver 10.8.0.1\n");
  made.name_switch = "passwd: files\nhosts: files mymachines resolve [!UNAVAIL=return] dns\n";
  BOOST_TEST(!make_resolver_path(made).by_socket);
  made.socket_is_elsewhere = true;
  BOOST_TEST(make_resolver_path(made).by_socket);
  made.name_switch = "hosts: files dns # resolve\n#hosts: resolve\n";
  BOOST_TEST(!make_resolver_path(made).by_socket);
}

BOOST_AUTO_TEST_CASE(a_file_that_names_no_process_tells_nothing) {
  const auto read = read_resolver_files({NamespaceRef::parse("path:/run/other/ns").value(), {}, {}}, own_opener);
  BOOST_REQUIRE(!read.has_value());
  BOOST_TEST((read.error().kind == Error::Kind::unavailable));
}

BOOST_AUTO_TEST_CASE(the_files_of_an_own_process_are_read_through_its_root) {
  if (::syscall(SYS_openat2, -1, "", nullptr, 0) == -1 && errno == ENOSYS) {
    BOOST_TEST_MESSAGE("SKIPPED: no openat2 here (a kernel before 5.6, or qemu-user)");
    return;
  }
  const auto read = read_resolver_files({NamespaceRef::of_pid(::getpid()), ::getpid(), {}}, own_opener);
  BOOST_REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().message));
  BOOST_TEST(read->files.file == "/etc/resolv.conf of process " + std::to_string(::getpid()));
  BOOST_TEST(read->files.resolv_conf.has_value() == std::filesystem::exists("/etc/resolv.conf"));
  BOOST_TEST(!read->points.empty());
}

BOOST_AUTO_TEST_CASE(a_process_that_began_at_another_time_is_another_one) {
  const auto read = read_resolver_files({NamespaceRef::of_pid(::getpid()), ::getpid(), 1}, own_opener);
  BOOST_REQUIRE(!read.has_value());
  BOOST_TEST((read.error().kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
