#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "netns/namespace/container_process.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/target_set.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;
constexpr std::string_view files_group = "files";

/// 0, or why the effective user may not do it.
int refusal(const std::string& path, int mode) { return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0 ? 0 : errno; }

DoctorLine data_folder_line(const std::string& folder) {
  const DoctorTopic topic{"data folder", "reports that the hub has not acknowledged yet (command run)", "the daemon does not start",
                          "StateDirectory=vpn-sentinel/probe in the unit, or VPN_SENTINEL_DATA_DIR to a folder that this user can write",
                          true};
  // What does not exist yet is made by the daemon below its nearest parent.
  std::filesystem::path path = std::filesystem::absolute(folder);
  std::error_code error;
  while (!std::filesystem::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  const int code = refusal(path.native(), W_OK | X_OK);
  if (code != 0) return doctor_line(files_group, topic, Status::missing, system_error(code, path.native()).message);
  return doctor_line(files_group, topic, Status::ok,
                     path == std::filesystem::absolute(folder) ? folder : fmt::format("{} can be made", folder));
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
  if (found != files.end()) return doctor_line(files_group, topic, Status::ok, *found);
  return doctor_line(files_group, topic, needed ? Status::missing : Status::not_needed, "no readable bundle at the usual places");
}

/// Connects and hangs up: a container engine sees a client that says nothing.
Result<void> try_engine(const std::string& path) {
  const Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  return fail(system_error(errno, path));
}

/// The engines that the targets may be asked at, once each.
std::vector<std::string> engine_sockets(const std::vector<TargetPolicy>& targets) {
  std::vector<std::string> sockets;
  for (const auto& target : targets) {
    for (const auto& socket : target.container_sockets) {
      if (std::ranges::find(sockets, socket) == sockets.end()) sockets.push_back(socket);
    }
  }
  return sockets;
}

/// Only a target that names a container by its name needs an engine, and one that knows the container is enough.
DoctorLine engine_line(const std::vector<TargetPolicy>& targets) {
  const DoctorTopic topic{"container engine", "targets named by container: and a name (an id is found without one)",
                          "containers have to be named by their id, or by pid: or path:",
                          "systemctl enable --now podman.socket, or membership in the socket's group or CAP_DAC_OVERRIDE; for a container "
                          "the socket mounted into it; another place in VPN_SENTINEL_CONTAINER_SOCKETS"};
  const bool needed = std::ranges::any_of(targets, [](const TargetPolicy& target) {
    return target.netns.kind == NamespaceRef::Kind::container && !is_container_id(target.netns.value);
  });
  if (!needed) return doctor_line(files_group, topic, Status::not_needed, "no target is a container's name");
  std::string answering;
  std::string silent;
  for (const auto& socket : engine_sockets(targets)) {
    const auto tried = try_engine(socket);
    auto& text = tried ? answering : silent;
    text += (text.empty() ? "" : ", ") + (tried ? socket : tried.error().message);
  }
  if (!answering.empty()) return doctor_line(files_group, topic, Status::ok, answering);
  return doctor_line(files_group, topic, Status::missing, silent.empty() ? "no socket is configured" : silent);
}

DoctorLine limit_line(std::size_t targets) {
  const auto needed = open_files_for(targets);
  const DoctorTopic topic{"open files", "sockets and namespaces of all targets",
                          "the command run does not start, or the last targets are not watched",
                          "LimitNOFILE=16384 in the unit, or ulimit -Hn", true};
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return doctor_line("limits", topic, Status::could_not_look, "getrlimit");
  // The probe raises the soft limit to the hard one by itself.
  return doctor_line("limits", topic, limit.rlim_max >= needed ? Status::ok : Status::missing,
                     fmt::format("{} allowed, {} needed", limit.rlim_max, needed));
}

/// The limits are per user: other programs may have used them up.
DoctorLine inotify_line() {
  const DoctorTopic topic{"inotify", "being told at once that a namespace was made or deleted", "it is noticed by the look each second",
                          "sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=65536"};
  const Fd instance{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  if (instance && ::inotify_add_watch(instance.get(), "/run", IN_CREATE | IN_ONLYDIR) >= 0)
    return doctor_line("limits", topic, Status::ok, "folders can be followed");
  return doctor_line("limits", topic, Status::missing, system_error(errno, instance ? "inotify_add_watch" : "inotify_init").message);
}

}  // namespace

std::vector<DoctorLine> file_lines(const ProbeConfig& config) {
  return {data_folder_line(config.data_dir), ca_line(config), engine_line(config.targets), limit_line(config.targets.size()),
          inotify_line()};
}

}  // namespace vpn_sentinel
