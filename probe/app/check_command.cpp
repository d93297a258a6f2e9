#include <fmt/format.h>

#include "probe/app/commands.hpp"
#include "probe/app/one_look.hpp"
#include "probe/app/output.hpp"
#include "probe/app/print.hpp"
#include "probe/app/report_builder.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

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

}  // namespace

int check_command(const TargetPolicy& policy, bool json) {
  OneLook look(policy);
  const auto& watch = look.run(policy.check_timeout + 5s);
  if (json) {
    print_out(fmt::format("{}\n", encode(build_report(watch, "check")).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)));
  } else {
    print_out(print_verdict(view_of(watch), style_of_stdout()));
  }
  return exit_code(watch);
}

}  // namespace vpn_sentinel
