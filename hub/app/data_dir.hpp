/// The hub's folder, locked so that two hubs never write to one database.
#pragma once

#include <string>

#include "netns/base/fd.hpp"

namespace vpn_sentinel {

/// A file that root has made in `folder` is given to the folder's owner, who has to read it. True also for who is not root.
[[nodiscard]] bool give_to_owner(const Fd& fd, const std::string& folder);

class DataDir {
 public:
  /// Makes the folder (0700) when it is missing and takes its lock. Throws FatalError 73 (cannot create) or 69 (another hub has it).
  explicit DataDir(std::string path);

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  Fd lock_;
};

}  // namespace vpn_sentinel
