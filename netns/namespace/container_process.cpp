#include "netns/namespace/container_process.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace vpn_sentinel {
namespace {

constexpr std::size_t full_id = 64;
constexpr std::size_t short_id = 12;
constexpr std::size_t most_file_bytes = 64 * 1024;

bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Empty when it cannot be read: processes come and go while they are listed.
std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(most_file_bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

struct ProcessTimes {
  pid_t parent = 0;
  std::uint64_t start = 0;  ///< clock ticks since boot
};

/// Fields 4 and 22 of /proc/PID/stat (proc(5)). The command name is in parentheses and may hold anything: counted from the last one.
std::optional<ProcessTimes> read_times(const ContainerFolders& folders, pid_t pid) {
  const auto text = read_file(fmt::format("{}/{}/stat", folders.proc, pid));
  const auto name_end = text.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(text).substr(name_end + 2);
  ProcessTimes times;
  for (int field = 3; field <= 22; ++field) {
    const auto word = rest.substr(0, rest.find(' '));
    const auto* const end = word.data() + word.size();
    if (field == 3 && (word == "Z" || word == "X")) return std::nullopt;
    if (field == 4 && std::from_chars(word.data(), end, times.parent).ec != std::errc{}) return std::nullopt;
    if (field == 22 && std::from_chars(word.data(), end, times.start).ec != std::errc{}) return std::nullopt;
    if (rest.size() == word.size()) return field == 22 ? std::optional(times) : std::nullopt;
    rest.remove_prefix(word.size() + 1);
  }
  return times;
}

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

/// The folders of a directory; nothing when there is none.
std::vector<std::string> entries(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
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

Result<std::optional<pid_t>> find_by_crun(std::string_view id, const ContainerFolders& folders);

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

Result<std::optional<pid_t>> find_by_cgroup(std::string_view id, const ContainerFolders& folders) {
  std::set<std::string> ids;
  std::map<pid_t, ProcessTimes> processes;
  std::optional<Error> distrusted;
  for (const auto& name : entries(folders.proc)) {
    const auto pid = to_pid(name);
    if (!pid) continue;
    const auto cgroup = read_file(fmt::format("{}/{}/cgroup", folders.proc, *pid));
    auto found = named_folder(cgroup, id);
    if (!found) continue;
    auto doubt = distrust(*pid, *found, folders);
    const auto times = read_times(folders, *pid);
    if (!times) continue;
    if (doubt) {
      distrusted = std::move(doubt);
      continue;
    }
    processes.emplace(*pid, *times);
    ids.insert(std::move(found->id));
  }
  if (ids.size() > 1) return fail(ambiguous(id));
  const auto first = first_of(processes);
  // crun's state, which only its own user can write, may still name the container.
  if (!first && distrusted && !find_by_crun(id, folders).value_or(std::nullopt)) return fail(std::move(*distrusted));
  return first;
}

/// crun's state of one container; absent when there is none, or when the process that it names is another one by now.
std::optional<pid_t> crun_process(const std::string& id, const ContainerFolders& folders) {
  const auto state = nlohmann::json::parse(read_file(fmt::format("{}/{}/status", folders.crun, id)), nullptr, false);
  if (!state.is_object()) return std::nullopt;
  const auto number = [&state](const char* key) -> std::uint64_t {
    const auto found = state.find(key);
    return found != state.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
  };
  const auto pid = number("pid");
  const auto start = number("process-start-time");
  if (pid == 0 || pid > INT32_MAX || start == 0) return std::nullopt;
  const auto times = read_times(folders, static_cast<pid_t>(pid));
  return times && times->start == start ? std::optional(static_cast<pid_t>(pid)) : std::nullopt;
}

Result<std::optional<pid_t>> find_by_crun(std::string_view id, const ContainerFolders& folders) {
  std::optional<pid_t> found;
  for (const auto& name : entries(folders.crun)) {
    if (name.size() != full_id || !is_hex(name) || !name.starts_with(id)) continue;
    const auto pid = crun_process(name, folders);
    if (pid && found) return fail(ambiguous(id));
    if (pid) found = pid;
  }
  return found;
}

}  // namespace

bool is_container_id(std::string_view text) noexcept { return text.size() >= short_id && text.size() <= full_id && is_hex(text); }

std::string container_of_cgroup(std::string_view cgroup_file, std::string_view id) {
  const auto found = named_folder(cgroup_file, id);
  return found ? found->id : std::string();
}

Result<pid_t> find_container_process(std::string_view id, const ContainerFolders& folders) {
  if (!is_container_id(id)) return fail(Error::Kind::invalid, fmt::format("'{}' is no id of a container", id));
  for (const auto find : {&find_by_cgroup, &find_by_crun}) {
    const auto found = find(id, folders);
    if (!found) return fail(found.error());
    if (*found) return **found;
  }
  return fail(Error::Kind::not_found, fmt::format("no container whose id begins with {} runs here", id));
}

bool is_container_process(pid_t pid, std::string_view id, const ContainerFolders& folders) {
  if (id.size() != full_id || !is_hex(id)) return false;
  if (!container_of_cgroup(read_file(fmt::format("{}/{}/cgroup", folders.proc, pid)), id).empty()) return true;
  return crun_process(std::string(id), folders) == pid;
}

}  // namespace vpn_sentinel
