// Targets that name no file by themselves: what patterns and containers stand for must be found as the daemon finds it.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "probe/app/commands.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/target_set.hpp"
#include "tests/unit/netns/support/test_namespace.hpp"
#include "tests/unit/probe/watch/named_namespace.hpp"

using namespace vpn_sentinel;

namespace {

/// What doctor_command prints as JSON, in a process of its own, with other limits of open files if there are `files`.
nlohmann::json doctor(const ProbeConfig& config, const rlimit* files = nullptr) {
  int ends[2];
  BOOST_REQUIRE_EQUAL(::pipe(ends), 0);
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    if (files != nullptr) ::setrlimit(RLIMIT_NOFILE, files);
    const int code = doctor_command(config, true, true);
    std::fflush(stdout);
    ::_exit(code);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return nlohmann::json::parse(text);
}

/// "ok", or why there is no such line.
std::string status(const nlohmann::json& report, std::string_view group, std::string_view name) {
  for (const auto& line : report.at("lines")) {
    if (line.at("group") == group && line.at("name") == name) return line.at("status");
  }
  return "no such line";
}

ProbeConfig config_of(NamespaceRef netns, const std::string& client_id) {
  ProbeConfig config;
  TargetPolicy target;
  target.client_id = client_id;
  target.client_id_given = true;
  target.netns = std::move(netns);
  config.targets = {target};
  config.data_dir = "/tmp";
  return config;
}

std::string detail(const nlohmann::json& report, std::string_view group, std::string_view name) {
  for (const auto& line : report.at("lines")) {
    if (line.at("group") == group && line.at("name") == name) return line.at("detail");
  }
  return {};
}

/// As the program of a VPN holds it.
Fd hold_tun(const std::string& name, const NamespaceRef& netns) {
  Fd held;
  const auto space = NetNamespace::open(netns);
  BOOST_REQUIRE(space);
  const auto inside = space->run_inside([&] {
    held = Fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (::ioctl(held.get(), TUNSETIFF, &request) != 0) held = Fd();
  });
  BOOST_REQUIRE((inside && held));
  return held;
}

/// A process that crun's state names as the first one of a container, as `podman --cgroups=disabled` leaves it.
class CrunContainer {
 public:
  CrunContainer() : id_(fmt::format("{:0>64x}", ::getpid())), folder_("/run/crun/" + id_) {
    process_ = ::fork();
    if (process_ == 0) {
      for (;;) ::pause();
    }
    std::ifstream file(fmt::format("/proc/{}/stat", process_));
    std::string field;
    for (int number = 1; number <= 22; ++number) file >> field;
    made_root_ = std::filesystem::create_directory("/run/crun");
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ + "/status") << fmt::format(R"({{"pid": {}, "process-start-time": {}}})", process_, field);
  }
  CrunContainer(const CrunContainer&) = delete;
  CrunContainer& operator=(const CrunContainer&) = delete;
  ~CrunContainer() {
    if (process_ > 0) ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(folder_);
    std::error_code ignored;  // somebody else may use it by now
    if (made_root_) std::filesystem::remove("/run/crun", ignored);
  }
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  std::string id_;
  std::string folder_;
  pid_t process_ = 0;
  bool made_root_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(doctor_targets)

BOOST_AUTO_TEST_CASE(the_namespaces_of_a_pattern_are_examined_each_by_itself) {
  const test::NamedNamespace one("doctor-one");
  const test::NamedNamespace two("doctor-two");
  one.make();
  two.make();
  const auto report = doctor(config_of({NamespaceRef::Kind::name, fmt::format("vs{}-doctor-*", ::getpid())}, "office"));
  BOOST_TEST(report.at("exit_code") != 4);
  BOOST_TEST(status(report, "target office-one", "looking") == "ok");
  BOOST_TEST(status(report, "target office-two", "looking") == "ok");
}

BOOST_AUTO_TEST_CASE(a_pattern_without_a_namespace_yet_is_no_fault) {
  const auto report = doctor(config_of({NamespaceRef::Kind::name, fmt::format("vs{}-nothing-*", ::getpid())}, "office"));
  BOOST_TEST(report.at("exit_code") != 4);
  BOOST_TEST(status(report, "target office", "namespaces") == "not_needed");
}

BOOST_AUTO_TEST_CASE(a_container_is_found_by_its_id_without_an_engine) {
  const CrunContainer container;
  const auto report = doctor(config_of({NamespaceRef::Kind::container, container.id()}, "office"));
  BOOST_TEST(report.at("exit_code") != 4);
  BOOST_TEST(status(report, "target office", "looking") == "ok");
}

BOOST_AUTO_TEST_CASE(a_container_that_nobody_can_be_asked_about_cannot_be_watched) {
  const auto report = doctor(config_of({NamespaceRef::Kind::container, "vs-no-such-container"}, "office"));
  BOOST_TEST(report.at("exit_code") == 4);
  BOOST_TEST(status(report, "target office", "namespace") == "missing");
}

BOOST_AUTO_TEST_CASE(a_tun_that_no_program_holds_is_as_down_as_check_says) {
  const test::NamedNamespace space("doctor-tun");
  space.make();
  test::run_command_line(fmt::format("ip -n {0} tuntap add dev tun9 mode tun && ip -n {0} link set tun9 up", space.name()));
  const auto config = config_of(space.ref(), "office");
  const auto gone = doctor(config);
  BOOST_TEST(status(gone, "target office", "tunnel") == "missing");
  BOOST_TEST(detail(gone, "target office", "tunnel") == "tun9 (tun), down, its program has ended");
  BOOST_TEST(gone.at("exit_code") == 1);
  const auto program = hold_tun("tun9", space.ref());
  const auto held = doctor(config);
  BOOST_TEST(status(held, "target office", "tunnel") == "ok");
  BOOST_TEST(detail(held, "target office", "tunnel") == "tun9 (tun), up");
  test::run_command_line(fmt::format("ip -n {} link set tun9 down", space.name()));
  BOOST_TEST(detail(doctor(config), "target office", "tunnel") == "tun9 (tun), down");
}

BOOST_AUTO_TEST_CASE(the_hard_limit_of_open_files_counts_because_the_probe_raises_the_soft_one) {
  const auto config = config_of({}, "office");
  const rlimit enough{64, open_files_for(1)};
  const rlimit too_few{64, open_files_for(1) - 1};
  BOOST_TEST(status(doctor(config, &enough), "limits", "open files") == "ok");
  BOOST_TEST(status(doctor(config, &too_few), "limits", "open files") == "missing");
}

BOOST_AUTO_TEST_CASE(an_engine_is_missed_only_by_containers_with_a_name) {
  auto config = config_of({NamespaceRef::Kind::container, "gluetun"}, "office");
  config.targets.front().container_sockets = {"/no/such/socket"};
  BOOST_TEST(status(doctor(config), "files", "container engine") == "missing");
  config.targets.front().netns.value = std::string(64, 'e');
  BOOST_TEST(status(doctor(config), "files", "container engine") == "not_needed");
  config.targets.front().netns = {};
  BOOST_TEST(status(doctor(config), "files", "container engine") == "not_needed");
}

BOOST_AUTO_TEST_SUITE_END()
