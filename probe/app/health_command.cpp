#include <fmt/format.h>

#include "netns/base/text.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/health.hpp"
#include "probe/app/health_socket.hpp"
#include "probe/app/output.hpp"

namespace vpn_sentinel {
namespace {

/// Less than the shortest time-out that the container files and manifests give the command (10 s).
constexpr std::chrono::seconds daemon_patience{5};

std::string_view hint_for(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::not_found:
    case Error::Kind::unreachable:
      return "no daemon runs with this data folder (VPN_SENTINEL_DATA_DIR)";
    case Error::Kind::not_permitted:
      return "ask as the daemon's user, or as root";
    default:
      return "its log says more";
  }
}

}  // namespace

int healthcheck_command(const std::string& data_dir) {
  const auto answer = ask_health(data_dir, daemon_patience);
  if (!answer) {
    print_out(fmt::format("unhealthy: {}; {}\n", without_control_characters(answer.error().message), hint_for(answer.error().kind)));
    return 1;
  }
  // A daemon that is killed while it answers says nothing, or half of it.
  if (answer->empty()) print_out("unhealthy: the daemon hung up without an answer\n");
  print_out(*answer);
  return says_healthy(*answer) ? 0 : 1;
}

}  // namespace vpn_sentinel
