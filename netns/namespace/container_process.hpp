/// The first process of a container, found without asking an engine: by the names of cgroups and by the state that crun keeps. Blocking
/// (it reads each /proc/PID/cgroup: 10-20 µs a process), so not for a loop's thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// 12 (the short form that engines print) to 64 lower-case hexadecimal digits.
[[nodiscard]] bool is_container_id(std::string_view text) noexcept;

/// The id of 64 digits that begins with `id` and names a cgroup in the text of a /proc/PID/cgroup (cgroups(7)): docker-ID.scope,
/// libpod-ID.scope, libpod-payload-ID, crio-ID.scope, cri-containerd-ID.scope or a folder ID. Empty when there is none; the scopes of
/// conmon, which is no part of the container, do not count. `id` may be empty: any.
[[nodiscard]] std::string container_of_cgroup(std::string_view cgroup_file, std::string_view id);

/// Where to look; other folders are for tests.
struct ContainerFolders {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
  std::string crun = "/run/crun";  ///< crun's default --root for root: ID/status is JSON with "pid" and "process-start-time"
};

/// `id` as of is_container_id. In the container's cgroup the first process is the oldest one whose parent is outside; without a cgroup of
/// its own (podman --cgroups=disabled) crun's state names it, and counts only when the process began when the state says. A cgroup counts
/// only when root or the probe's own user made its folder: any user can make one of that name where systemd lets him (user@.service), and
/// would choose the namespace that is watched. Errors: invalid (no id, or several containers begin with it), not_found (everything was
/// seen, and no such container runs here), not_permitted (the cgroup is another user's, or cannot be seen), unavailable (not everything
/// can be seen from here: hidepid, a pid namespace, a folder that cannot be listed).
[[nodiscard]] Result<pid_t> find_container_process(std::string_view id, const ContainerFolders& folders = {});

/// Whether process `pid` belongs to the container whose id begins with `id` (as of is_container_id): engine and probe may live in different
/// pid namespaces, where the same number is another process.
[[nodiscard]] bool is_container_process(pid_t pid, std::string_view id, const ContainerFolders& folders = {});

}  // namespace vpn_sentinel
