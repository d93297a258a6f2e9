#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "probe/app/commands.hpp"
#include "probe/app/health_socket.hpp"
#include "tests/unit/probe/delivery/loopback_hub.hpp"
#include "tests/unit/probe/delivery/make_item.hpp"
#include "tests/unit/probe_app/own_namespace.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using namespace std::chrono_literals;

namespace {

/// A loopback hub on a thread of its own, because the daemon blocks the test's.
struct HubThread {
  HubThread() : thread([this] { io.run(); }) {}
  HubThread(const HubThread&) = delete;
  HubThread& operator=(const HubThread&) = delete;
  ~HubThread() { end(); }
  void end() {
    io.stop();
    if (thread.joinable()) thread.join();
  }

  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  LoopbackHub hub{io};
  boost::asio::steady_timer timer{io};
  std::jthread thread;
};

ProbeConfig config_of(const LoopbackHub& hub, const TemporaryFolder& folder) {
  TargetPolicy target;
  target.client_id = "a";
  target.liveness_interval = 0ms;
  ProbeConfig config;
  config.targets = {target};
  config.hub.urls = {hub.url()};
  config.hub.api_path = "/api/v1";
  config.hub_path = "auto";
  config.interval = 60s;
  config.lease = 120s;
  config.data_dir = folder.file("data");
  config.log_level = LogLevel::error;
  return config;
}

/// What the daemon writes to standard error, while this lives.
class LogFile {
 public:
  explicit LogFile(std::string name) : name_(std::move(name)), before_(::dup(STDERR_FILENO)) {
    const int file = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(file, STDERR_FILENO);
    ::close(file);
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }
  [[nodiscard]] std::size_t count(const std::string& event) const {
    std::ifstream file(name_);
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) lines += line.find(event) != std::string::npos ? 1U : 0U;
    return lines;
  }

 private:
  std::string name_;
  int before_;
};

int run_until_signal(ProbeConfig config) {
  return run_command(std::move(config), [] { return Result<ProbeConfig>(fail(Error::Kind::failed, "not asked for")); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(probe_daemon)

BOOST_AUTO_TEST_CASE(after_the_stop_report_nothing_more_is_told_that_would_revive_the_client_at_the_hub) {
  run("ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up &&"
      "ip address add 203.0.113.10/24 dev eth0 && ip route add default via 203.0.113.1");
  HubThread beside;
  beside.hub.answer = [&](const Received& request) -> std::optional<Answer> {
    if (request.body.at("trigger") == "start") ::kill(::getpid(), SIGTERM);
    if (request.body.at("trigger") != "stop") return Answer{};
    // While the stop report waits for its answer, the judgement changes.
    std::ignore = std::system("ip link set eth0 down");
    beside.timer.expires_after(500ms);
    beside.timer.async_wait([&](const boost::system::error_code&) { beside.hub.release(); });
    return std::nullopt;
  };
  const TemporaryFolder folder;
  BOOST_TEST(run_until_signal(config_of(beside.hub, folder)) == 0);
  beside.end();
  std::string told;
  for (const auto& request : beside.hub.received) told += request.body.at("trigger").get<std::string>() + " ";
  BOOST_TEST(told == "start stop ");
  run("ip link delete eth0");
}

BOOST_AUTO_TEST_CASE(a_sidecar_whose_hub_is_not_behind_the_tunnel_reaches_it_and_does_not_call_that_way_the_tunnel) {
  const SilentTunnel tunnel;
  HubThread beside;
  beside.hub.answer = [](const Received& request) {
    if (request.body.at("trigger") == "interval") ::kill(::getpid(), SIGTERM);
    return Answer{};
  };
  const TemporaryFolder folder;
  auto config = config_of(beside.hub, folder);
  config.targets[0].tunnels = {"tun7"};
  config.hub.tunnel_timeout = 100ms;
  config.interval = 200ms;
  BOOST_TEST(run_until_signal(config) == 0);
  beside.end();
  std::string told;
  for (const auto& request : beside.hub.received) {
    told += request.body.at("trigger").get<std::string>() + " by " + request.body.at("path").get<std::string>() + ", ";
  }
  BOOST_TEST(told.find("interval by uplink") != std::string::npos, told);
  BOOST_TEST(told.find("tunnel") == std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(a_healthy_state_that_is_pinned_while_the_daemon_runs_counts_within_a_moment) {
  const SilentTunnel tunnel;
  HubThread beside;
  const TemporaryFolder folder;
  auto config = config_of(beside.hub, folder);
  auto& target = config.targets[0];
  target.tunnels = {"tun7"};
  target.offline = true;
  target.baseline_folder = config.data_dir + "/baseline";
  const auto of_drift = [](const Received& request) {
    for (const auto& finding : request.body.at("findings")) {
      if (finding.at("code") == "baseline_drift" && finding.at("severity") == "warning") return true;
    }
    return false;
  };
  int pinned = -1;
  MonoTime changed{};
  std::optional<MonoTime> told;
  beside.hub.answer = [&](const Received& request) {
    if (request.body.at("trigger") == "start") {
      pinned = baseline_command(target, BaselineAction::pin);
      changed = mono_now();
      if (std::system("ip route add 198.51.100.0/24 dev tun7") != 0) ::kill(::getpid(), SIGTERM);
    } else if (!told && of_drift(request)) {
      told = mono_now();
      ::kill(::getpid(), SIGTERM);
    }
    return Answer{};
  };
  BOOST_TEST(run_until_signal(config) == 0);
  beside.end();
  BOOST_TEST(pinned == 0);
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST_MESSAGE("told after " << (*told - changed) / 1ms << " ms");
}

BOOST_AUTO_TEST_CASE(healthcheck_is_answered_while_the_daemon_runs_and_not_after_its_end) {
  const SilentTunnel tunnel;
  HubThread beside;
  const TemporaryFolder folder;
  auto config = config_of(beside.hub, folder);
  config.targets[0].tunnels = {"tun7"};
  Result<std::string> told = fail(Error::Kind::failed, "nobody has asked");
  beside.hub.answer = [&](const Received& request) {
    if (request.body.at("trigger") != "start") return Answer{};
    told = ask_health(config.data_dir, 10s);
    ::kill(::getpid(), SIGTERM);
    return Answer{};
  };
  BOOST_TEST(run_until_signal(config) == 0);
  beside.end();
  BOOST_TEST((told ? *told : told.error().message) == "healthy: 1 target(s) watched\n");
  BOOST_TEST(healthcheck_command(config.data_dir) == 1);
}

BOOST_AUTO_TEST_CASE(reports_of_a_target_that_is_gone_take_only_a_way_that_the_settings_allow) {
  for (const std::string way : {"auto", "uplink", "tunnel"}) {
    HubThread beside;
    const TemporaryFolder folder;
    auto config = config_of(beside.hub, folder);
    config.hub_path = way;
    std::filesystem::create_directory(config.data_dir);
    open_outbox(config.data_dir + "/probe-outbox.sqlite")->enqueue(change(1, "old"));
    beside.hub.answer = [](const Received& request) {
      if (request.body.at("client_id") == "old") ::kill(::getpid(), SIGTERM);
      return Answer{};
    };
    // Nothing at all is to come by the forbidden way.
    if (way == "tunnel") {
      beside.timer.expires_after(500ms);
      beside.timer.async_wait([](const boost::system::error_code& error) {
        if (!error) ::kill(::getpid(), SIGTERM);
      });
    }
    BOOST_TEST(run_until_signal(config) == 0);
    beside.end();
    const auto of_old = [](const Received& request) { return request.body.at("client_id") == "old"; };
    BOOST_TEST(std::ranges::any_of(beside.hub.received, of_old) == (way != "tunnel"), way);
  }
}

BOOST_AUTO_TEST_CASE(that_the_outbox_cannot_be_written_and_can_again_is_logged_once_each) {
  HubThread beside;
  const TemporaryFolder folder;
  auto config = config_of(beside.hub, folder);
  config.log_level = LogLevel::info;
  const auto file = config.data_dir + "/probe-outbox.sqlite";
  std::filesystem::create_directories(file);  // a folder in its place
  const LogFile log(folder.file("log"));
  beside.hub.answer = [](const Received&) -> std::optional<Answer> { return std::nullopt; };  // something waits to be written
  const auto deadline = mono_now() + 40s;
  std::function<void()> look = [&] {
    beside.timer.expires_after(100ms);
    beside.timer.async_wait([&](const boost::system::error_code& error) {
      if (error) return;
      if (log.count("outbox_trouble") > 0) std::filesystem::remove(file);
      if (log.count("outbox_well_again") > 0 || mono_now() > deadline) {
        ::kill(::getpid(), SIGTERM);
      } else {
        look();
      }
    });
  };
  look();
  BOOST_TEST(run_until_signal(config) == 0);
  beside.end();
  // Once for each reason: while the folder goes away a try may fail for another one.
  const auto troubles = log.count("outbox_trouble");
  BOOST_TEST((troubles == 1 || troubles == 2), troubles);
  BOOST_TEST(log.count("outbox_well_again") == 1U);
}

BOOST_AUTO_TEST_CASE(settings_that_sighup_does_not_take_over_are_named_in_the_log) {
  HubThread other;
  other.hub.answer = [](const Received& request) {
    if (request.body.at("trigger") == "start") ::kill(::getpid(), SIGHUP);
    return Answer{};
  };
  const TemporaryFolder folder;
  const LogFile log(folder.file("log"));
  Settings settings(probe_setting_rows());
  auto config = config_of(other.hub, folder);
  config.log_level = LogLevel::info;
  config.settings = {settings};
  const auto reload = [&]() -> Result<ProbeConfig> {
    auto fresh = config;
    BOOST_TEST(fresh.settings.front().set("check_interval", "1m", "test").has_value());
    BOOST_TEST(fresh.settings.front().set("log_level", "debug", "test").has_value());
    fresh.log_level = LogLevel::debug;
    ::kill(::getpid(), SIGTERM);
    return fresh;
  };
  BOOST_TEST(run_command(config, reload) == 0);
  other.end();
  BOOST_TEST(log.count("restart_needed") == 1U);
  BOOST_TEST(log.count("VPN_SENTINEL_CHECK_INTERVAL") == 1U);
  BOOST_TEST(log.count("VPN_SENTINEL_LOG_LEVEL") == 0U);
  BOOST_TEST(log.count("event=reloaded log_level=debug") == 1U);
}

BOOST_AUTO_TEST_CASE(a_hub_that_is_gone_does_not_hold_up_the_stop_and_gets_its_reports_at_the_next_start) {
  HubThread beside;
  HubThread gone;
  gone.hub.stop();
  beside.hub.answer = [](const Received& request) {
    if (request.body.at("trigger") == "start") ::kill(::getpid(), SIGTERM);
    return Answer{};
  };
  const TemporaryFolder folder;
  auto config = config_of(beside.hub, folder);
  config.hub.urls.push_back(gone.hub.url());
  config.to_all_hubs = true;
  const auto begin = mono_now();
  BOOST_TEST(run_until_signal(config) == 0);
  BOOST_TEST((mono_now() - begin < 8s));
  const auto triggers = [](const LoopbackHub& hub) {
    std::string told;
    for (const auto& request : hub.received) told += request.body.at("trigger").get<std::string>() + " ";
    return told;
  };
  beside.end();
  BOOST_TEST(triggers(beside.hub) == "start stop ");
  BOOST_TEST(gone.hub.received.empty());

  // The next start: what was kept for it comes first, and the last word is "stop" again.
  boost::asio::post(gone.io, [&] { gone.hub.start(); });
  gone.hub.answer = [starts = 0](const Received& request) mutable {
    if (request.body.at("trigger") == "start" && ++starts == 2) ::kill(::getpid(), SIGTERM);
    return Answer{};
  };
  BOOST_TEST(run_until_signal(config) == 0);
  gone.end();
  BOOST_TEST(triggers(gone.hub) == "start stop start stop ");
}

BOOST_AUTO_TEST_SUITE_END()
