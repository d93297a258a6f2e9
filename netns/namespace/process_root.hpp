/// Files as one process sees them: below its root, through its mount namespace (openat2(2), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, Linux
/// 5.6). A path opened below /proc/PID/root in the plain way would follow an absolute symbolic link into the caller's own root.
///
/// What is mounted there that process chose: every function here may block for ever on a file system that does not answer. See
/// netns/sockets/patient_look.hpp.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// A name in a folder: what inotify(7) has to watch so that a change of what the name means is noticed.
struct WatchPoint {
  Fd folder;         ///< O_PATH
  std::string name;  ///< in `folder`
};

struct RootFile {
  Fd file;           ///< O_RDONLY, a regular file
  std::string text;  ///< its first bytes
  bool cut = false;  ///< there are more
};

class ProcessRoot {
 public:
  /// The root of process `pid`, which began at `start` (read_process_times()) when that is known. not_found: it has ended, or its number
  /// is another one's; not_permitted: CAP_SYS_PTRACE is missing.
  [[nodiscard]] static Result<ProcessRoot> of(pid_t pid, std::optional<std::uint64_t> start);
  /// The caller's own.
  [[nodiscard]] static Result<ProcessRoot> own();

  /// `path` without a leading '/': "etc/resolv.conf". At most `most` bytes are read. not_found: no such file; invalid: no regular file, or
  /// one of procfs, sysfs and their like, which act when they are read. Anything but a plain file is never opened.
  [[nodiscard]] Result<RootFile> read(const std::string& path, std::size_t most) const;
  /// Regular files of a folder by name, at most `most_files` of them; empty: there is no such folder, or it cannot be listed.
  [[nodiscard]] std::vector<std::string> names_in(const std::string& folder, std::size_t most_files) const;
  /// O_PATH. not_found: there is no such file.
  [[nodiscard]] Result<Fd> find(const std::string& path) const;
  /// The folders of `path` and of every symbolic link on the way to it, at most eight; where the way ends, the name that is missing. What
  /// cannot be opened is left out. A `path` that ends with '/' is a folder, and every name in it is meant.
  [[nodiscard]] std::vector<WatchPoint> watch_points(const std::string& path) const;

 private:
  explicit ProcessRoot(Fd root) : root_(std::move(root)) {}
  [[nodiscard]] Result<Fd> open(const std::string& path, std::uint64_t flags) const;

  Fd root_;  ///< O_PATH: holds the mount, whatever the process does
};

}  // namespace vpn_sentinel
