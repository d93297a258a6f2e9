#include "ebpf/cgroup_mount.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_mountinfo = 4 * 1024 * 1024;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto end = line.find(' ');
    if (end != 0) words.push_back(line.substr(0, end));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  return words;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// Space, tab, newline and backslash are written as \040 and so on.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) && is_octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

struct Mount {
  std::string_view root;
  std::string_view point;
};

/// Of a line about a cgroup2 tree: "36 35 0:30 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw".
std::optional<Mount> cgroup2_of(std::string_view line) {
  const auto words = words_of(line);
  if (words.size() < 8) return std::nullopt;
  std::size_t dash = 6;
  while (dash < words.size() && words[dash] != "-") ++dash;
  if (dash + 1 >= words.size() || words[dash + 1] != "cgroup2") return std::nullopt;
  return Mount{words[3], words[4]};
}

std::string own_mountinfo() {
  std::ifstream file("/proc/self/mountinfo");
  std::string text;
  char part[4096];
  while (text.size() < most_mountinfo && (file.read(part, sizeof part), file.gcount() > 0)) {
    text.append(part, static_cast<std::size_t>(file.gcount()));
  }
  return text;
}

}  // namespace

Result<std::string> cgroup2_mount(std::string_view mountinfo) {
  std::optional<Mount> found;
  while (!mountinfo.empty()) {
    const auto end = mountinfo.find('\n');
    const auto mount = cgroup2_of(mountinfo.substr(0, end));
    if (mount && (!found || (found->root != "/" && mount->root == "/"))) found = mount;
    if (end == std::string_view::npos) break;
    mountinfo.remove_prefix(end + 1);
  }
  if (found) return unescaped(found->point);
  return fail(Error::Kind::not_found,
              "no cgroup2 tree is mounted here: mount one (mount -t cgroup2 none /sys/fs/cgroup/unified), give a container the host's, and "
              "do not start the probe by 'ip netns exec', which hides it (nsenter --net does not)");
}

Result<CgroupTree> open_cgroup_tree(const std::string& path) {
  auto where = path.empty() ? cgroup2_mount(own_mountinfo()) : Result<std::string>(path);
  if (!where) return fail(where.error());
  CgroupTree tree{Fd{::open(where->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}, *where};
  if (!tree.folder) return fail(system_error(errno, "the cgroup2 tree " + *where));
  struct statfs status {};
  if (::fstatfs(tree.folder.get(), &status) != 0 || status.f_type != CGROUP2_SUPER_MAGIC) {
    return fail(Error::Kind::invalid, *where + " is no folder of a cgroup2 tree");
  }
  // Only the root of the whole tree has no such file (Documentation/admin-guide/cgroup-v2.rst).
  struct stat type {};
  tree.whole = ::fstatat(tree.folder.get(), "cgroup.type", &type, 0) != 0;
  return tree;
}

}  // namespace vpn_sentinel
