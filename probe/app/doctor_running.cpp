#include "probe/app/doctor_running.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "probe/app/health_socket.hpp"

namespace vpn_sentinel {
namespace {

/// What the daemon gives up by itself where its targets have no use for it.
constexpr CapabilitySet for_some_targets = rights_to_enter | capability_bit(CAP_BPF) | capability_bit(CAP_PERFMON);

std::string status_of_process(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string_view line_of(std::string_view status, std::string_view key) {
  const auto start = fmt::format("\n{}:\t", key);
  const auto at = status.find(start);
  if (at == std::string_view::npos) return {};
  const auto rest = status.substr(at + start.size());
  return rest.substr(0, rest.find('\n'));
}

std::vector<gid_t> ids_of(std::string_view status, std::string_view key) {
  std::istringstream words{std::string(line_of(status, key))};
  return {std::istream_iterator<gid_t>(words), std::istream_iterator<gid_t>()};
}

bool named_by_flag(const ProbeConfig& config, std::string_view key) {
  return !config.settings.empty() && config.settings.front().origin(key).starts_with("flag ");
}

Result<void> become_user(uid_t user, gid_t group, const std::vector<gid_t>& groups) {
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return fail(system_error(errno, "prctl"));
  if (::setgroups(groups.size(), groups.data()) != 0) return fail(system_error(errno, "setgroups"));
  if (::setresgid(group, group, group) != 0) return fail(system_error(errno, "setresgid"));
  if (::setresuid(user, user, user) != 0) return fail(system_error(errno, "setresuid"));
  return {};
}

}  // namespace

std::optional<RunningProbe> find_running_probe(const ProbeConfig& config) {
  const auto pid = pid_of_daemon(config.data_dir);
  if (!pid) return std::nullopt;
  RunningProbe running{*pid, status_of_process(*pid), named_by_flag(config, "netns") || named_by_flag(config, "connections")};
  if (!capability_mask(running.status, "CapBnd")) return std::nullopt;
  return running;
}

std::optional<CapabilitySet> capability_mask(std::string_view status, std::string_view key) {
  const auto digits = line_of(status, key);
  CapabilitySet mask = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mask, 16);
  if (error != std::errc{} || stop == digits.data()) return std::nullopt;
  return mask;
}

CapabilitySet rights_of(const RunningProbe& running) {
  const auto bounding = capability_mask(running.status, "CapBnd").value_or(0);
  const auto permitted = capability_mask(running.status, "CapPrm").value_or(bounding);
  return running.other_targets ? permitted | (bounding & for_some_targets) : permitted;
}

Result<void> take_rights_of(const RunningProbe& running) {
  // Real, effective, saved and that of the file system.
  const auto users = ids_of(running.status, "Uid");
  const auto groups = ids_of(running.status, "Gid");
  if (users.size() < 2 || groups.size() < 2) return fail(Error::Kind::failed, "its user is not told");
  if (users[1] != ::geteuid()) {
    if (auto became = become_user(users[1], groups[1], ids_of(running.status, "Groups")); !became) return became;
  }
  return keep_capabilities(rights_of(running));
}

std::string note_for_root(const std::optional<RunningProbe>& running, const Result<void>& taken, bool units) {
  if (!running) {
    return units ? "These are root's rights, and the unit gives the probe fewer: ask again while it runs, and they are its own." : "";
  }
  if (taken) return fmt::format("These are the rights of the running probe (pid {}).", running->pid);
  return fmt::format("The rights of the running probe (pid {}) could not be tried out: {}. Only the capabilities below are that one's.",
                     running->pid, taken.error().message);
}

}  // namespace vpn_sentinel
