#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "probe/app/doctor.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;
constexpr std::string_view group = "files";

/// 0, or why the effective user may not do it.
int refusal(const std::string& path, int mode) { return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0 ? 0 : errno; }

DoctorLine data_folder_line(const std::string& folder) {
  const DoctorTopic topic{"data folder", "reports that the hub has not acknowledged yet (command run)", "the daemon does not start",
                          "StateDirectory=vpn-sentinel in the unit, or VPN_SENTINEL_DATA_DIR to a folder that this user can write", true};
  // What does not exist yet is made by the daemon below its nearest parent.
  std::filesystem::path path = std::filesystem::absolute(folder);
  std::error_code error;
  while (!std::filesystem::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  const int code = refusal(path.native(), W_OK | X_OK);
  if (code != 0) return doctor_line(group, topic, Status::missing, system_error(code, path.native()).message);
  return doctor_line(group, topic, Status::ok, path == std::filesystem::absolute(folder) ? folder : fmt::format("{} can be made", folder));
}

DoctorLine ca_line(const ProbeConfig& config) {
  const DoctorTopic topic{"CA bundle", "checking certificates of the hub and of the address services (https)",
                          "https services cannot be verified", "apt install ca-certificates, or VPN_SENTINEL_CA_FILE"};
  const auto is_https = [](const std::string& url) { return url.starts_with("https://"); };
  const bool needed = std::ranges::any_of(config.hub.urls, is_https) || std::ranges::any_of(config.targets, [&](const auto& target) {
                        return std::ranges::any_of(target.trace_urls, is_https);
                      });
  // Where libcurl of the common distributions looks.
  std::vector<std::string> files{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                 "/etc/ssl/cert.pem"};
  if (!config.hub.ca_file.empty()) files.insert(files.begin(), config.hub.ca_file);
  const auto found = std::ranges::find_if(files, [](const auto& file) { return refusal(file, R_OK) == 0; });
  if (found != files.end()) return doctor_line(group, topic, Status::ok, *found);
  return doctor_line(group, topic, needed ? Status::missing : Status::not_needed, "no readable bundle at the usual places");
}

DoctorLine resolv_line() {
  const DoctorTopic topic{"resolv.conf", "which resolvers programs use (the probe's own look-ups go to VPN_SENTINEL_RESOLVERS)",
                          "the routes to the system's resolvers are not judged", ""};
  const int code = refusal("/etc/resolv.conf", R_OK);
  if (code == 0) return doctor_line(group, topic, Status::ok, "/etc/resolv.conf");
  return doctor_line(group, topic, Status::missing, system_error(code, "/etc/resolv.conf").message);
}

/// Connects and hangs up: a container engine sees a client that says nothing.
DoctorLine engine_line(const char* name, std::span<const char* const> paths) {
  const DoctorTopic topic{name, "targets named by container:", "containers have to be named by pid: or path:",
                          "membership in the socket's group, or the socket mounted into the probe's container"};
  for (const auto* path : paths) {
    if (refusal(path, F_OK) == ENOENT) continue;
    const Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string_view(path).copy(address.sun_path, sizeof address.sun_path - 1);
    if (socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      return doctor_line(group, topic, Status::ok, path);
    }
    return doctor_line(group, topic, Status::missing, system_error(errno, path).message);
  }
  return doctor_line(group, topic, Status::not_needed, "no socket: no such engine runs here");
}

DoctorLine limit_line(std::size_t targets) {
  const DoctorTopic topic{"open files", "about 12 per target and 64 for everything else", "the last targets cannot be watched",
                          "LimitNOFILE=16384 in the unit, or ulimit -n", true};
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return doctor_line("limits", topic, Status::could_not_look, "getrlimit");
  const auto needed = 64 + 12 * targets;
  return doctor_line("limits", topic, limit.rlim_cur >= needed ? Status::ok : Status::missing,
                     fmt::format("{} allowed (at most {}), about {} needed", limit.rlim_cur, limit.rlim_max, needed));
}

}  // namespace

std::vector<DoctorLine> file_lines(const ProbeConfig& config) {
  static constexpr std::array docker{"/run/docker.sock", "/var/run/docker.sock"};
  static constexpr std::array podman{"/run/podman/podman.sock"};
  return {data_folder_line(config.data_dir), ca_line(config), resolv_line(), engine_line("Docker", docker), engine_line("Podman", podman),
          limit_line(config.targets.size())};
}

}  // namespace vpn_sentinel
