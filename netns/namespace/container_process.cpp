#include "netns/namespace/container_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "netns/base/capabilities.hpp"
#include "netns/base/fd.hpp"
#include "netns/namespace/process_times.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t full_id = 64;
constexpr std::size_t short_id = 12;
constexpr std::size_t most_file_bytes = 64 * 1024;

bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

struct FileText {
  std::string text;  ///< empty when it cannot be read: processes come and go while they are listed
  int code = 0;      ///< why
};

FileText read_file(const std::string& path) {
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return {{}, errno};
  FileText read{std::string(most_file_bytes, '\0'), 0};
  const auto got = ::read(file.get(), read.text.data(), read.text.size());
  if (got < 0) read.code = errno;
  read.text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return read;
}

FileText read_cgroup(pid_t pid, const ContainerFolders& folders) { return read_file(fmt::format("{}/{}/cgroup", folders.proc, pid)); }

/// What a look through folders found, and why it may not have seen everything.
struct Search {
  std::optional<pid_t> found;
  std::string unseen;  ///< empty: all processes or states were seen
};

/// The 64 digits of one folder of a cgroup's path; empty when it is not one of a container.
std::string_view id_of_folder(std::string_view folder) {
  static constexpr std::array<std::string_view, 7> prefixes{"docker-",         "libpod-payload-", "libpod-", "crio-",
                                                            "cri-containerd-", "nerdctl-",        "podman-"};
  if (folder.ends_with(".scope")) folder.remove_suffix(6);
  for (const auto prefix : prefixes) {
    if (!folder.starts_with(prefix)) continue;
    folder.remove_prefix(prefix.size());
    break;
  }
  return folder.size() == full_id && is_hex(folder) ? folder : std::string_view{};
}

/// The folders of a directory.
std::vector<std::string> entries(const std::string& folder, std::error_code& error) {
  std::vector<std::string> names;
  for (auto entry = std::filesystem::directory_iterator(folder, error); !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

std::optional<pid_t> to_pid(std::string_view name) {
  pid_t pid = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc{} && stop == name.data() + name.size() && pid > 0 ? std::optional(pid) : std::nullopt;
}

Error ambiguous(std::string_view id) { return {Error::Kind::invalid, fmt::format("several containers have ids that begin with {}", id)}; }

/// Of the processes of one cgroup: the oldest whose parent is outside (what `exec` starts has a parent outside too, and is younger).
std::optional<pid_t> first_of(const std::map<pid_t, ProcessTimes>& processes) {
  std::optional<pid_t> first;
  for (const auto& [pid, times] : processes) {
    if (processes.contains(times.parent)) continue;
    if (!first || times.start < processes.at(*first).start) first = pid;
  }
  return first;
}

Result<Search> find_by_crun(std::string_view id, const ContainerFolders& folders);

/// A folder of a hierarchy whose name is that of a container.
struct NamedFolder {
  std::string id;
  std::string_view controllers;  ///< of cgroup v1: "pids", "cpu,cpuacct", "name=systemd"; empty: cgroup v2
  std::string_view path;         ///< up to the folder itself
};

/// Each line of /proc/PID/cgroup is "number:controllers:path" (cgroups(7)).
std::optional<NamedFolder> named_folder(std::string_view cgroup_file, std::string_view id) {
  while (!cgroup_file.empty()) {
    const auto line = cgroup_file.substr(0, cgroup_file.find('\n'));
    cgroup_file.remove_prefix(std::min(cgroup_file.size(), line.size() + 1));
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto path = line.substr(second + 1);
    for (std::size_t begin = 0; begin < path.size();) {
      const auto end = std::min(path.find('/', begin), path.size());
      const auto found = id_of_folder(path.substr(begin, end - begin));
      if (!found.empty() && found.starts_with(id))
        return NamedFolder{std::string(found), line.substr(first + 1, second - first - 1), path.substr(0, end)};
      begin = end + 1;
    }
  }
  return std::nullopt;
}

/// Who made the folder: nobody can give away what he made. Absent: it is not to be seen.
std::optional<uid_t> maker_of(const NamedFolder& folder, const ContainerFolders& folders) {
  auto controllers = folder.controllers;
  if (controllers.starts_with("name=")) controllers.remove_prefix(5);
  const auto file = controllers.empty() ? fmt::format("{}{}", folders.cgroup, folder.path)
                                        : fmt::format("{}/{}{}", folders.cgroup, controllers, folder.path);
  struct stat status {};
  if (folder.path.find("/..") != std::string_view::npos) return std::nullopt;
  if (::stat(file.c_str(), &status) == 0) return status.st_uid;
  // Beside hierarchies of version 1 systemd mounts that of version 2 one folder deeper.
  const auto unified = fmt::format("{}/unified{}", folders.cgroup, folder.path);
  return controllers.empty() && ::stat(unified.c_str(), &status) == 0 ? std::optional(status.st_uid) : std::nullopt;
}

/// Absent: only an engine of root, or of the probe's own user, can have made this container.
std::optional<Error> distrust(pid_t pid, const NamedFolder& folder, const ContainerFolders& folders) {
  const auto maker = maker_of(folder, folders);
  if (maker && (*maker == 0 || *maker == ::geteuid())) return std::nullopt;
  const auto who = maker ? fmt::format("user {} made it and could have given it any name", *maker)
                         : fmt::format(
                               "who made it cannot be seen, because it is not below {}: run the probe in the host's cgroup "
                               "namespace (--cgroupns=host)",
                               folders.cgroup);
  return Error{
      Error::Kind::not_permitted,
      fmt::format("the cgroup of process {} is named like the container {}, but {}; or name the socket of the container's engine in "
                  "VPN_SENTINEL_CONTAINER_SOCKETS",
                  pid, folder.id.substr(0, short_id), who)};
}

/// The identity of the first pid namespace, which sees all processes: PROC_PID_INIT_INO of linux/proc_ns.h, the same since Linux 3.8.
constexpr std::string_view first_pid_namespace = "pid:[4026531836]";

/// Those of a pid namespace see its own processes only, and below it there may be containers nevertheless.
bool sees_only_some(const ContainerFolders& folders) {
  std::error_code error;
  const auto own = std::filesystem::read_symlink(folders.proc + "/self/ns/pid", error);
  return !error && own != first_pid_namespace;
}

Result<Search> find_by_cgroup(std::string_view id, const ContainerFolders& folders) {
  std::set<std::string> ids;
  std::map<pid_t, ProcessTimes> processes;
  bool first_seen = false;
  bool refused = false;
  std::optional<Error> distrusted;
  std::error_code error;
  for (const auto& name : entries(folders.proc, error)) {
    const auto pid = to_pid(name);
    if (!pid) continue;
    first_seen = first_seen || *pid == 1;
    const auto cgroup = read_cgroup(*pid, folders);
    refused = refused || cgroup.code == EACCES || cgroup.code == EPERM;
    auto found = named_folder(cgroup.text, id);
    if (!found) continue;
    auto doubt = distrust(*pid, *found, folders);
    const auto times = read_process_times(*pid, folders.proc);
    if (!times) continue;
    if (doubt) {
      distrusted = std::move(doubt);
      continue;
    }
    processes.emplace(*pid, *times);
    ids.insert(std::move(found->id));
  }
  if (ids.size() > 1) return fail(ambiguous(id));
  Search search{first_of(processes), {}};
  // crun's state, which only its own user can write, may still name the container.
  if (!search.found && distrusted) {
    const auto by_crun = find_by_crun(id, folders);
    if (!by_crun || !by_crun->found) return fail(std::move(*distrusted));
  }
  if (error) {
    search.unseen = fmt::format("{} cannot be listed: {}", folders.proc, error.message());
  } else if (!first_seen || refused) {
    search.unseen = fmt::format("{} is mounted with hidepid and hides the processes of others", folders.proc);
  } else if (sees_only_some(folders)) {
    search.unseen = "the probe lives in a pid namespace of its own (--pid=host shares the host's)";
  }
  return search;
}

/// crun's state of one container; absent when there is none, or when the process that it names is another one by now.
std::optional<pid_t> crun_process(const std::string& id, const ContainerFolders& folders) {
  const auto state = nlohmann::json::parse(read_file(fmt::format("{}/{}/status", folders.crun, id)).text, nullptr, false);
  if (!state.is_object()) return std::nullopt;
  const auto number = [&state](const char* key) -> std::uint64_t {
    const auto found = state.find(key);
    return found != state.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
  };
  const auto pid = number("pid");
  const auto start = number("process-start-time");
  if (pid == 0 || pid > INT32_MAX || start == 0) return std::nullopt;
  const auto times = read_process_times(static_cast<pid_t>(pid), folders.proc);
  return times && times->start == start ? std::optional(static_cast<pid_t>(pid)) : std::nullopt;
}

Result<Search> find_by_crun(std::string_view id, const ContainerFolders& folders) {
  Search search;
  std::error_code error;
  for (const auto& name : entries(folders.crun, error)) {
    if (name.size() != full_id || !is_hex(name) || !name.starts_with(id)) continue;
    const auto pid = crun_process(name, folders);
    if (pid && search.found) return fail(ambiguous(id));
    if (pid) search.found = pid;
  }
  const bool absent = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  if (error && !absent) search.unseen = fmt::format("{} cannot be listed: {}", folders.crun, error.message());
  return search;
}

}  // namespace

bool is_container_id(std::string_view text) noexcept { return text.size() >= short_id && text.size() <= full_id && is_hex(text); }

std::string container_of_cgroup(std::string_view cgroup_file, std::string_view id) {
  const auto found = named_folder(cgroup_file, id);
  return found ? found->id : std::string();
}

Result<pid_t> find_container_process(std::string_view id, const ContainerFolders& folders) {
  const RaisedCapabilities raised(rights_to_look);
  if (!is_container_id(id)) return fail(Error::Kind::invalid, fmt::format("'{}' is no id of a container", id));
  std::string unseen;
  for (const auto find : {&find_by_cgroup, &find_by_crun}) {
    const auto search = find(id, folders);
    if (!search) return fail(search.error());
    if (search->found) return *search->found;
    if (unseen.empty()) unseen = search->unseen;
  }
  if (!unseen.empty()) return fail(Error::Kind::unavailable, fmt::format("the container {} cannot be looked for: {}", id, unseen));
  return fail(Error::Kind::not_found, fmt::format("no container whose id begins with {} runs here", id));
}

bool is_container_process(pid_t pid, std::string_view id, const ContainerFolders& folders) {
  const RaisedCapabilities raised(rights_to_look);
  if (!is_container_id(id)) return false;
  if (!container_of_cgroup(read_cgroup(pid, folders).text, id).empty()) return true;
  const auto by_crun = find_by_crun(id, folders);
  return by_crun && by_crun->found == pid;
}

}  // namespace vpn_sentinel
