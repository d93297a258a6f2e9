#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "probe/app/commands.hpp"
#include "probe/app/print.hpp"
#include "probe/app/report_builder.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

constexpr int exit_could_not_look = 4;

int exit_code(const TargetWatch& watch) {
  if (watch.seen().blind) return exit_could_not_look;
  switch (watch.verdict().state) {
    case State::secure:
      return 0;
    case State::warning:
      return 1;
    case State::danger:
      return 2;
    case State::contained:
      return 3;
    case State::offline:
      break;
  }
  return exit_could_not_look;
}

/// Runs one watch until everything that it asks has been answered or has failed.
class OneLook {
 public:
  OneLook(const TargetPolicy& policy)
      : http_(io_), dns_(io_), watch_(io_, http_, dns_, policy, [](const auto&, const auto&) {}), timer_(io_) {}

  const TargetWatch& run(std::chrono::milliseconds at_most) {
    deadline_ = mono_now() + at_most;
    watch_.start();
    wait();
    io_.run();
    return watch_;
  }

 private:
  void wait() {
    if (watch_.settled()) return io_.stop();
    if (mono_now() >= deadline_) {
      watch_.give_up();
      return io_.stop();
    }
    timer_.expires_after(5ms);
    timer_.async_wait([this](const boost::system::error_code&) { wait(); });
  }

  boost::asio::io_context io_;
  HttpClient http_;
  DnsClient dns_;
  TargetWatch watch_;
  boost::asio::steady_timer timer_;
  MonoTime deadline_{};
};

}  // namespace

int check_command(const TargetPolicy& policy, bool json) {
  OneLook look(policy);
  const auto& watch = look.run(policy.check_timeout + 5s);
  if (json) {
    fmt::print("{}\n", encode(build_report(watch, "check")).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", print_verdict(watch, style_of_stdout()));
  }
  return exit_code(watch);
}

}  // namespace vpn_sentinel
