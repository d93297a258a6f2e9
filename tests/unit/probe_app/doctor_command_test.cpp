#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "netns/base/capabilities.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/doctor_netlink.hpp"
#include "probe/app/health_socket.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"
#include "tests/unit/probe_app/own_namespace.hpp"

using namespace vpn_sentinel;

BOOST_TEST_GLOBAL_FIXTURE(NeedsNamespaces);

namespace {

/// What `doctor --json` prints in a process that has all capabilities of this one, or none.
struct Run {
  int code = -1;
  nlohmann::json report;

  [[nodiscard]] std::string status(std::string_view name) const {
    for (const auto& line : report.at("lines")) {
      if (line.at("name") == name) return line.at("status");
    }
    return "no such line";
  }
};

Run doctor(const ProbeConfig& config, bool with_capabilities) {
  int ends[2];
  BOOST_REQUIRE_EQUAL(::pipe(ends), 0);
  std::fflush(stdout);  // or the child would print it, too
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    // Another user than root has no capability left after this.
    if (!with_capabilities && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(99);
    const int code = doctor_command(config, true, true);
    std::fflush(stdout);
    ::_exit(code);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WEXITSTATUS(status), nlohmann::json::parse(text)};
}

/// A namespace with a name, as 'ip netns' makes it, and a probe that has it as its target.
class Named {
 public:
  Named() : name_(fmt::format("vs{}-doctor", ::getpid())) {
    test::run("ip netns add " + name_);
    TargetPolicy target;
    target.client_id = "doctor";
    target.netns = {NamespaceRef::Kind::name, name_};
    config.targets = {target};
    config.data_dir = "/tmp";
    config.hub.urls = {"http://127.0.0.1:1"};
  }
  Named(const Named&) = delete;
  Named& operator=(const Named&) = delete;
  ~Named() { (void)!std::system(("ip netns delete " + name_).c_str()); }

  ProbeConfig config;

 private:
  std::string name_;
};

/// A process that answers at `folder` as a daemon does, as another user, with `rights` of those that this process has.
class OtherDaemon {
 public:
  static constexpr unsigned user = 65534;
  OtherDaemon(std::string folder, CapabilitySet rights) : folder_(std::move(folder)) {
    std::filesystem::create_directory(folder_);
    BOOST_REQUIRE(::chown(folder_.c_str(), user, user) == 0 && ::chmod(folder_.c_str(), 0700) == 0);
    int ends[2];
    BOOST_REQUIRE_EQUAL(::pipe(ends), 0);
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || ::setgid(user) != 0 || ::setuid(user) != 0) ::_exit(99);
      if (!keep_capabilities(rights)) ::_exit(99);
      boost::asio::io_context io{1};
      const auto socket = HealthSocket::open(io, folder_, [] { return std::string("healthy\n"); });
      if (!socket || ::write(ends[1], "x", 1) != 1) ::_exit(99);
      io.run();
      ::_exit(0);
    }
    ::close(ends[1]);
    char ready = 0;
    BOOST_REQUIRE_EQUAL(::read(ends[0], &ready, 1), 1);
    ::close(ends[0]);
  }
  OtherDaemon(const OtherDaemon&) = delete;
  OtherDaemon& operator=(const OtherDaemon&) = delete;
  ~OtherDaemon() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] pid_t pid() const { return process_; }

 private:
  std::string folder_;
  pid_t process_ = 0;
};

/// The number that nf_tables gives to its newest set of rules; every change of anything makes a new one.
std::optional<std::uint32_t> ruleset_number(const SocketOpener& opener) {
  struct {
    nlmsghdr header;
    nfgenmsg body;
  } request{{sizeof request, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, NLM_F_REQUEST, 1, 0}, {0, NFNETLINK_V0, 0}};
  const auto answer = ask_kernel(opener, {NETLINK_NETFILTER, std::as_bytes(std::span(&request, 1)), {1}, false, false});
  if (!answer || answer->replies.empty()) return std::nullopt;
  const auto& payload = answer->replies.front().payload;
  std::uint32_t number = 0;  // NFTA_GEN_ID is the first attribute, big endian
  if (payload.size() < sizeof(nfgenmsg) + sizeof(nlattr) + sizeof number) return std::nullopt;
  std::memcpy(&number, payload.data() + sizeof(nfgenmsg) + sizeof(nlattr), sizeof number);
  return ntohl(number);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(doctor_command)

BOOST_FIXTURE_TEST_CASE(with_and_without_capabilities_the_right_lines_differ, Named) {
  const auto with = doctor(config, true);
  const auto without = doctor(config, false);
  BOOST_TEST((with.code == 0 || with.code == 1), with.code);
  BOOST_TEST(without.code == 4);
  BOOST_TEST(without.report["exit_code"] == 4);
  // Whoever can make namespaces has these two; the others may be missing in a container.
  for (const auto* name : {"CAP_SYS_ADMIN", "CAP_NET_ADMIN"}) BOOST_TEST(with.status(name) == "ok", name);
  for (const auto* name : {"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE", "CAP_NET_ADMIN"}) {
    BOOST_TEST(without.status(name) == "missing", name);
  }
  BOOST_TEST(with.status("entering") == "ok");
  BOOST_TEST(without.status("entering") == "could_not_look");
  BOOST_TEST(with.status("tunnel") == "missing");
  BOOST_TEST(without.status("tunnel") == "no such line");  // nobody looked
  BOOST_TEST(with.status("resolv.conf") == "ok");
  BOOST_TEST(without.status("BPF") == "missing");
  for (const auto* name : {"BPF", "cgroup2", "conntrack"}) BOOST_TEST(with.status(name) != "not_needed", name);
  // Nothing that is configured makes use of them.
  for (const auto* name : {"persistent tables", "nflog"}) {
    BOOST_TEST(with.status(name) == "not_needed", name);
    BOOST_TEST(without.status(name) == "not_needed", name);
  }
  // The leak meter does; what of it an older kernel lacks is said.
  for (const auto* name : {"nftables", "netdev egress", "nftables quota"}) {
    BOOST_TEST(with.status(name) != "not_needed", name);
    BOOST_TEST(without.status(name) != "ok", name);
  }
  // What needs no right is there for everybody.
  for (const auto* name : {"route look-up", "look-up by packet", "strict checking", "FIB match", "data folder"}) {
    BOOST_TEST(with.status(name) == "ok", name);
    BOOST_TEST(without.status(name) == "ok", name);
  }
}

BOOST_FIXTURE_TEST_CASE(a_namespace_that_does_not_exist_cannot_be_watched, Named) {
  config.targets.front().netns.value = "vs-no-such-namespace";
  const auto run = doctor(config, true);
  BOOST_TEST(run.code == 4);
  BOOST_TEST(run.status("namespace") == "missing");
}

BOOST_FIXTURE_TEST_CASE(a_probe_in_the_watched_namespace_can_watch_without_any_capability, Named) {
  config.targets.front().netns = {};
  const auto run = doctor(config, false);
  BOOST_TEST(run.code == 1);
  BOOST_TEST(run.status("CAP_SYS_ADMIN") == "not_needed");
  BOOST_TEST(run.status("entering") == "ok");
  BOOST_TEST(run.status("looking") == "ok");
}

BOOST_FIXTURE_TEST_CASE(a_data_folder_that_cannot_be_written_is_told_and_nothing_is_made, Named) {
  config.data_dir = "/proc/vs-doctor/data";
  BOOST_TEST(doctor(config, false).status("data folder") == "missing");
  config.data_dir = fmt::format("/tmp/vs{}-doctor/data", ::getpid());
  BOOST_TEST(doctor(config, false).status("data folder") == "ok");
  BOOST_TEST(::access(config.data_dir.c_str(), F_OK) != 0);
}

BOOST_FIXTURE_TEST_CASE(where_a_probe_runs_root_is_shown_the_rights_of_that_one, Named) {
  config.data_dir = fmt::format("/tmp/vs{}-doctor-running", ::getpid());
  constexpr auto all = ~CapabilitySet{0};
  {
    const OtherDaemon daemon(config.data_dir, all & ~capability_bit(CAP_NET_ADMIN) & ~capability_bit(CAP_DAC_OVERRIDE));
    const auto run = doctor(config, true);
    BOOST_TEST(run.report["note"] == fmt::format("These are the rights of the running probe (pid {}).", daemon.pid()));
    BOOST_TEST(run.code == 1);
    for (const auto* name : {"CAP_NET_ADMIN", "CAP_DAC_OVERRIDE"}) BOOST_TEST(run.status(name) == "missing", name);
    // Tried as that one would, and not told from root's.
    for (const auto* name : {"nftables", "netdev egress", "nftables quota", "conntrack"}) BOOST_TEST(run.status(name) != "ok", name);
    for (const auto* name : {"CAP_SYS_ADMIN", "entering", "looking", "data folder"}) BOOST_TEST(run.status(name) == "ok", name);
  }
  const OtherDaemon daemon(config.data_dir, all & ~capability_bit(CAP_SYS_ADMIN));
  const auto run = doctor(config, true);
  BOOST_TEST(run.code == 4);
  for (const auto* name : {"CAP_SYS_ADMIN", "entering"}) BOOST_TEST(run.status(name) != "ok", name);
  for (const auto* name : {"CAP_NET_ADMIN", "nftables"}) BOOST_TEST(run.status(name) == "ok", name);
}

BOOST_AUTO_TEST_CASE(the_experiments_leave_nftables_as_it_was) {
  const TestNamespace space;
  space.run("ip link set lo up");
  const auto before = ruleset_number(space.opener());
  if (!before) {
    BOOST_TEST_MESSAGE("SKIPPED: this kernel has no nf_tables");
    return;
  }
  const auto lines = nftables_lines(space.opener(), {.protect = true});
  BOOST_TEST_REQUIRE(lines.size() == 6U);
  BOOST_TEST((lines[3].name == "persistent tables" && lines[3].status != DoctorLine::Status::not_needed));
  BOOST_TEST((ruleset_number(space.opener()) == before));
  // The control: a real change is seen by this number.
  if (space.try_run("nft add table inet vs-control")) BOOST_TEST((ruleset_number(space.opener()) != before));
}

BOOST_AUTO_TEST_SUITE_END()
