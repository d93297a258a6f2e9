#include "netns/namespace/container_process.hpp"

#include <fmt/format.h>

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

Result<std::optional<pid_t>> find_by_cgroup(std::string_view id, const ContainerFolders& folders) {
  std::set<std::string> ids;
  std::map<pid_t, ProcessTimes> processes;
  for (const auto& name : entries(folders.proc)) {
    const auto pid = to_pid(name);
    if (!pid) continue;
    auto found = container_of_cgroup(read_file(fmt::format("{}/{}/cgroup", folders.proc, *pid)), id);
    if (found.empty()) continue;
    const auto times = read_times(folders, *pid);
    if (!times) continue;
    processes.emplace(*pid, *times);
    ids.insert(std::move(found));
  }
  if (ids.size() > 1) return fail(ambiguous(id));
  return first_of(processes);
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
  while (!cgroup_file.empty()) {
    const auto end = cgroup_file.find_first_of("/\n");
    const auto found = id_of_folder(cgroup_file.substr(0, end));
    if (!found.empty() && found.starts_with(id)) return std::string(found);
    cgroup_file = end == std::string_view::npos ? std::string_view{} : cgroup_file.substr(end + 1);
  }
  return {};
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
