#include "hub/app/client_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "hub/app/forget_request.hpp"
#include "hub/store/backup.hpp"
#include "netns/base/clock.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds pause{100};

template <typename Condition>
bool wait_for(MonoTime deadline, Condition condition) {
  while (!condition()) {
    if (mono_now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

bool is_known(const std::string& data_dir, const std::string& client_id) {
  const auto known = knows_client(data_dir + "/hub.db", client_id);
  if (!known) throw FatalError(exit_no_input, fmt::format("{}; name the folder with --data-dir", known.error().message));
  return *known;
}

}  // namespace

int forget_client_command(const std::string& data_dir, const std::string& client_id, milliseconds patience) {
  if (!is_forgettable(client_id)) throw FatalError(exit_usage, fmt::format("ID = '{}': expected a client id, or group:NAME", client_id));
  if (!is_known(data_dir, client_id)) {
    fmt::print("{} is not known.\n", client_id);
    return 1;
  }
  const auto deadline = mono_now() + patience;
  const auto leave = [&] {
    const auto left = leave_forget_request(data_dir, client_id);
    if (!left) throw FatalError(exit_cannot_create, left.error().message);
    return *left;
  };
  const auto path = forget_request_path(data_dir);
  if (!wait_for(deadline, leave)) throw FatalError(exit_unavailable, fmt::format("{} still waits for a hub; start it", path));
  if (!wait_for(deadline, [&path] { return ::access(path.c_str(), F_OK) != 0 && errno == ENOENT; })) {
    throw FatalError(exit_unavailable, fmt::format("no hub has taken {} yet; it is done as soon as one runs and can store", path));
  }
  fmt::print("{} is forgotten; its history stays as long as other history. Whoever reports under that name is new.\n", client_id);
  return 0;
}

}  // namespace vpn_sentinel
