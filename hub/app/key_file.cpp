#include "hub/app/key_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "hub/app/data_dir.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

/// 4,096 keys with a few patterns each.
constexpr std::size_t most_key_file_bytes = std::size_t{8} * 1024 * 1024;

tl::unexpected<Error> cannot(const char* what, const std::string& path, int code) {
  return fail(system_error(code, fmt::format("the key file {} cannot be {}", path, what)));
}

Result<std::string> read_whole(const Fd& fd, const std::string& path) {
  std::string text;
  std::array<char, 16'384> part{};
  while (text.size() <= most_key_file_bytes) {
    const auto count = read(fd.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("read", path, errno);
    if (count == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(count));
  }
  return fail(Error::Kind::invalid, fmt::format("the key file {} is larger than {} bytes", path, most_key_file_bytes));
}

bool write_whole(const Fd& fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = write(fd.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// The new name is on the disk when the folder is.
bool sync_folder(const std::string& folder) {
  const Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && fsync(fd.get()) == 0;
}

}  // namespace

std::string key_file_path(const std::string& data_dir) { return data_dir + "/keys.jsonl"; }

Result<std::vector<ClientKey>> read_keys(const std::string& path) {
  // Not blocking: a pipe in its place would be waited for.
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::vector<ClientKey>{};
  if (!fd) return cannot("read", path, errno);
  const auto text = read_whole(fd, path);
  if (!text) return fail(text.error());
  auto keys = parse_keys(*text);
  if (!keys) return fail(Error::Kind::invalid, fmt::format("the key file {}, {}", path, keys.error().message));
  return keys;
}

Result<void> write_keys(const std::string& path, const std::vector<ClientKey>& keys) {
  const auto folder = std::filesystem::path(path).parent_path().string();
  const auto fresh = fmt::format("{}.{}.new", path, getpid());
  unlink(fresh.c_str());
  const Fd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return cannot("written", path, errno);
  const bool written = write_whole(fd, format_keys(keys)) && give_to_owner(fd, folder) && fsync(fd.get()) == 0 &&
                       rename(fresh.c_str(), path.c_str()) == 0 && sync_folder(folder);
  if (written) return {};
  const int code = errno;
  unlink(fresh.c_str());
  return cannot("written", path, code);
}

bool KeyFileWatch::changed() {
  const auto now = look();
  if (now == last_) return false;
  last_ = now;
  return true;
}

KeyFileWatch::Stamp KeyFileWatch::look() const {
  struct stat found {};
  if (stat(path_.c_str(), &found) != 0) return {};
  return {found.st_ino, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

}  // namespace vpn_sentinel
