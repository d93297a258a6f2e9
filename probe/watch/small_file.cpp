#include "probe/watch/small_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <tuple>

#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

Result<void> write_all(int fd, std::string_view text, const std::string& file) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "cannot write " + file));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

/// Root writes for a daemon that runs as another user: who owns the data folder must be able to read and replace what is below it.
void give_to_owner_of(const std::string& folder, int fd) {
  struct stat status {};
  if (::geteuid() == 0 && ::stat(folder.c_str(), &status) == 0) std::ignore = ::fchown(fd, status.st_uid, status.st_gid);
}

/// The folder, made when it is missing.
void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::create_directories(folder, error)) return;
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) give_to_owner_of(folder.parent_path(), fd.get());
}

}  // namespace

Result<std::string> read_small_file(const std::string& file, std::size_t most_bytes) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail(system_error(errno, "cannot open " + file));
  std::string text(most_bytes + 1, '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    const auto count = ::read(fd.get(), text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "cannot read " + file));
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  if (used > most_bytes) return fail(Error::Kind::invalid, fmt::format("{} has more than {} bytes", file, most_bytes));
  text.resize(used);
  return text;
}

Result<void> write_small_file(const std::string& file, std::string_view text, bool at_once) {
  const auto folder = std::filesystem::path(file).parent_path();
  make_folder(folder);
  const auto fresh = file + ".new";
  const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail(system_error(errno, "cannot write " + fresh));
  give_to_owner_of(folder, fd.get());
  if (auto written = write_all(fd.get(), text, fresh); !written) return written;
  if (at_once && ::fsync(fd.get()) != 0) return fail(system_error(errno, "cannot write " + fresh));
  if (std::rename(fresh.c_str(), file.c_str()) != 0) return fail(system_error(errno, "cannot replace " + file));
  return {};
}

}  // namespace vpn_sentinel
