/// Where the cgroup2 tree is, to which the programs are attached.
#pragma once

#include <string>
#include <string_view>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// The mount point of the cgroup2 tree by /proc/PID/mountinfo (proc_pid_mountinfo(5)): /sys/fs/cgroup, or /sys/fs/cgroup/unified beside
/// the older trees. Of several the one that shows the tree from its root. not_found: none is mounted here. Pure.
[[nodiscard]] Result<std::string> cgroup2_mount(std::string_view mountinfo);

struct CgroupTree {
  Fd folder;          ///< O_RDONLY | O_DIRECTORY
  std::string path;   ///< for messages
  bool whole = true;  ///< false: a part of the tree, as a container sees it: programs elsewhere are not seen
};

/// `path`, or what cgroup2_mount() finds when it is empty. invalid: `path` is no folder of a cgroup2 tree.
[[nodiscard]] Result<CgroupTree> open_cgroup_tree(const std::string& path);

}  // namespace vpn_sentinel
