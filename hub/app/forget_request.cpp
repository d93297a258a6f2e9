#include "hub/app/forget_request.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "hub/app/data_dir.hpp"
#include "hub/state/group.hpp"
#include "netns/base/fd.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

/// A client id has at most 100 characters.
constexpr std::size_t most_request_bytes = 256;

tl::unexpected<Error> cannot(const char* what, const std::string& path) {
  return fail(system_error(errno, fmt::format("{} cannot be {}", path, what)));
}

}  // namespace

std::string forget_request_path(const std::string& data_dir) { return data_dir + "/forget.request"; }

bool is_forgettable(std::string_view client_id) {
  const auto group = group_client_id("");
  if (client_id.starts_with(group)) return is_valid_group(client_id.substr(group.size()));
  return is_valid_client_id(client_id);
}

Result<bool> leave_forget_request(const std::string& data_dir, const std::string& client_id) {
  const auto path = forget_request_path(data_dir);
  const auto part = fmt::format("{}.{}", path, getpid());
  const Fd fd(open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return cannot("made", part);
  const auto size = static_cast<ssize_t>(client_id.size());
  const bool written = write(fd.get(), client_id.data(), client_id.size()) == size && give_to_owner(fd, data_dir);
  // link() refuses what exists; so the hub never sees half of it, and no wish replaces another.
  const bool linked = written && link(part.c_str(), path.c_str()) == 0;
  const int code = errno;
  unlink(part.c_str());
  if (linked) return true;
  if (written && code == EEXIST) return false;
  return fail(system_error(code, fmt::format("{} cannot be written", path)));
}

Result<std::string> read_forget_request(const std::string& data_dir) {
  const auto path = forget_request_path(data_dir);
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::string();
  std::array<char, most_request_bytes> text{};
  const auto size = fd ? read(fd.get(), text.data(), text.size()) : -1;
  if (size < 0) return cannot("read", path);
  std::string client_id(text.data(), static_cast<std::size_t>(size));
  if (client_id.ends_with('\n')) client_id.pop_back();
  if (!is_forgettable(client_id)) return fail(Error::Kind::invalid, fmt::format("{} names no client", path));
  return client_id;
}

void remove_forget_request(const std::string& data_dir) { unlink(forget_request_path(data_dir).c_str()); }

}  // namespace vpn_sentinel
