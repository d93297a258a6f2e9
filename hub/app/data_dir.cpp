#include "hub/app/data_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "netns/base/fatal_error.hpp"
#include "netns/base/result.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

FatalError cannot_create(const std::string& path, int code) {
  return {exit_cannot_create, fmt::format("{}; set VPN_SENTINEL_DATA_DIR to a folder that this user may write to",
                                          system_error(code, fmt::format("the data folder {} cannot be used", path)).message)};
}

void make_folder(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) throw cannot_create(path, error.value());
  if (made) std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  if (error) throw cannot_create(path, error.value());
}

}  // namespace

bool give_to_owner(const Fd& fd, const std::string& folder) {
  struct stat owner {};
  if (geteuid() != 0) return true;
  return stat(folder.c_str(), &owner) == 0 && fchown(fd.get(), owner.st_uid, owner.st_gid) == 0;
}

DataDir::DataDir(std::string path) : path_(std::move(path)) {
  make_folder(path_);
  lock_ = Fd(open(file("hub.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) throw cannot_create(path_, errno);
  // The kernel gives the lock back when the process ends, however it ends: no stale lock after a crash.
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) throw cannot_create(path_, errno);
  throw FatalError(exit_unavailable, fmt::format("another hub uses {}; stop it, or give this one its own VPN_SENTINEL_DATA_DIR", path_));
}

}  // namespace vpn_sentinel
