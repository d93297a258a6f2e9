// Two real wireguard-go with a tunnel between them, in namespaces made here.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "netns/sockets/tunnel_facts.hpp"
#include "netns/sockets/wireguard_uapi.hpp"
#include "tests/unit/netns/support/descriptor_copies.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

struct NeedsWireGuard : NeedsNamespaces {
  NeedsWireGuard() {
    if (std::system("command -v wireguard-go wg nsenter unshare >/dev/null && test -c /dev/net/tun") == 0) return;
    std::puts("SKIPPED: wireguard-go, wg (wireguard-tools), util-linux or /dev/net/tun is missing");
    std::fflush(stdout);
    std::_Exit(77);
  }
};
BOOST_TEST_GLOBAL_FIXTURE(NeedsWireGuard);

std::string output_of(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(command.c_str(), "r"), ::pclose};
  char line[128]{};
  BOOST_REQUIRE(pipe && std::fgets(line, sizeof line, pipe.get()) != nullptr);
  return std::string(line).substr(0, 44);
}

/// One side: a namespace and a wireguard-go with a mount namespace of its own, as in a container.
class Side {
 public:
  Side() : key_(output_of("wg genkey")) {
    BOOST_REQUIRE(space_.get().run_inside([&] { pid_ = start(); }).has_value());
    // The control socket is the last thing that the daemon makes.
    for (const auto deadline = mono_now() + 10s; !find_uapi_socket(pid_, "wg0") && mono_now() < deadline;) {
      BOOST_REQUIRE_EQUAL(::waitpid(pid_, nullptr, WNOHANG), 0);
      std::this_thread::sleep_for(2ms);
    }
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side() { stop(); }

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGCONT);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const TestNamespace& space() const { return space_; }
  [[nodiscard]] std::string public_key() const { return output_of(fmt::format("echo {} | wg pubkey", key_)); }
  void configure(const std::string& rest) const {
    run(fmt::format("nsenter -t {} -m -n sh -c 'echo {} | wg set wg0 private-key /dev/stdin {}'", pid_, key_, rest));
  }
  static void run(const std::string& command) { BOOST_REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command); }
  [[nodiscard]] TunnelFacts facts() const {
    TunnelPrograms programs;
    return read_tunnel_facts(space_.opener(), space_.get().identity(), "wg0", "tun", programs, mono_now());
  }

 private:
  static pid_t start() {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::setenv("LOG_LEVEL", "silent", 1);
    ::setenv("WG_PROCESS_FOREGROUND", "1", 1);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
    ::execlp("unshare", "unshare", "--mount", "--", "sh", "-c", "mount -t tmpfs tmpfs /run && exec wireguard-go -f wg0", nullptr);
    ::_exit(127);
  }

  std::string key_;
  TestNamespace space_;
  pid_t pid_ = -1;
};

std::string reasons(const TunnelFacts& facts) {
  std::string text;
  for (const auto& gap : facts.gaps) text += gap.message + "; ";
  return text;
}

struct Pair {
  Side a;
  Side b;
  Pair() {
    const auto link = fmt::format("vs{}", ::getpid());
    a.space().run(fmt::format("ip link add {0}a type veth peer name {0}b && ip link set {0}b netns {1}", link, b.pid()));
    a.space().run(fmt::format("ip address add 192.0.2.1/24 dev {0}a && ip link set {0}a up && ip link set wg0 up", link));
    b.space().run(fmt::format("ip address add 192.0.2.2/24 dev {0}b && ip link set {0}b up && ip link set wg0 up", link));
    b.configure(fmt::format("listen-port 51820 peer {} allowed-ips 198.18.0.1/32", a.public_key()));
  }
  void connect() const {
    a.configure(
        fmt::format("fwmark 51820 peer {} endpoint 192.0.2.2:51820 allowed-ips 0.0.0.0/0,::/0 persistent-keepalive 25", b.public_key()));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(wireguard_go)

BOOST_FIXTURE_TEST_CASE(owner_peer_endpoint_and_handshake_are_read_and_the_handshake_appears_when_it_happens, Pair) {
  const auto before = b.facts();
  BOOST_TEST_REQUIRE(before.wireguard.has_value());
  BOOST_TEST(!handshake_age(*before.wireguard, wall_now()).has_value());
  BOOST_TEST(tunnel_endpoints(before).empty());

  connect();
  auto facts = a.facts();
  for (const auto deadline = mono_now() + 10s; facts.wireguard && !newest_handshake(*facts.wireguard) && mono_now() < deadline;) {
    std::this_thread::sleep_for(10ms);
    facts = a.facts();
  }
  BOOST_TEST(facts.gaps.empty(), reasons(facts));
  BOOST_TEST_REQUIRE(facts.owner.has_value());
  BOOST_TEST(facts.owner->pid == a.pid());
  BOOST_TEST(facts.owner->comm == "wireguard-go");
  BOOST_TEST_REQUIRE(facts.wireguard.has_value());
  BOOST_TEST_REQUIRE(facts.wireguard->peers.size() == 1U);
  BOOST_TEST(facts.wireguard->fwmark == 51820U);
  const auto& peer = facts.wireguard->peers.front();
  BOOST_TEST(peer.public_key == b.public_key());
  BOOST_TEST(peer.persistent_keepalive == 25);
  BOOST_TEST(peer.allowed_ips.size() == 2U);
  BOOST_TEST(peer.tx_bytes > 0U);
  const auto age = handshake_age(*facts.wireguard, wall_now());
  BOOST_TEST_REQUIRE(age.has_value());
  BOOST_TEST((*age < 11s));
  const auto endpoints = tunnel_endpoints(facts);
  BOOST_TEST_REQUIRE(endpoints.size() == 1U);
  BOOST_TEST(endpoints.front().to_string() == "192.0.2.2:51820");
}

BOOST_FIXTURE_TEST_CASE(a_daemon_that_hangs_is_a_gap_and_its_program_is_told_all_the_same, Pair) {
  ::kill(a.pid(), SIGSTOP);
  int status = 0;
  ::waitpid(a.pid(), &status, WUNTRACED);
  const auto facts = a.facts();
  BOOST_TEST(facts.owner.has_value());
  BOOST_TEST(!facts.wireguard.has_value());
  BOOST_TEST_REQUIRE(facts.gaps.size() == 1U);
  BOOST_TEST((facts.gaps.front().kind == Error::Kind::timed_out));
}

BOOST_FIXTURE_TEST_CASE(a_socket_of_that_name_that_another_program_listens_on_is_not_taken, Pair) {
  // What a program that shares the mount namespace and uses the same interface name would leave there.
  // It is mounted over the old one, because wireguard-go ends when its file is removed or replaced.
  const auto folder = fmt::format("/proc/{}/root/run/wireguard", a.pid());
  const auto path = folder + "/new.sock";
  const Fd other{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  BOOST_REQUIRE_EQUAL(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  BOOST_REQUIRE_EQUAL(::listen(other.get(), 1), 0);
  Side::run(fmt::format("nsenter -t {} -m mount --bind /run/wireguard/new.sock /run/wireguard/wg0.sock", a.pid()));
  const auto facts = a.facts();
  BOOST_TEST(facts.owner.has_value());
  BOOST_TEST(!facts.wireguard.has_value());
  BOOST_TEST_REQUIRE(facts.gaps.size() == 1U);
  BOOST_TEST((facts.gaps.front().kind == Error::Kind::unavailable));
}

BOOST_FIXTURE_TEST_CASE(after_the_daemon_was_killed_nothing_is_made_up, Pair) {
  a.stop();
  const auto facts = a.facts();
  BOOST_TEST(!facts.owner.has_value());
  BOOST_TEST(!facts.wireguard.has_value());
  BOOST_TEST_REQUIRE(facts.gaps.size() == 1U);
  // Where nobody may look into other programs the answer is that, and no guess.
  BOOST_TEST((facts.gaps.front().kind == (can_copy_descriptors() ? Error::Kind::not_found : Error::Kind::not_permitted)));
}

BOOST_AUTO_TEST_SUITE_END()
