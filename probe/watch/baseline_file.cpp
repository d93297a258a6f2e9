// The pinned healthy state as a file.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <tuple>

#include "netns/base/fd.hpp"
#include "probe/watch/baseline.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t most_bytes = 1 << 20;

Result<std::vector<std::string>> lines_of(const json& value, const char* member) {
  const auto found = value.find(member);
  if (found == value.end() || !found->is_array()) return fail(Error::Kind::invalid, fmt::format("'{}' is not a list", member));
  std::vector<std::string> lines;
  for (const auto& line : *found) {
    if (!line.is_string()) return fail(Error::Kind::invalid, fmt::format("an entry of '{}' is not a text", member));
    lines.push_back(line.get<std::string>());
  }
  return lines;
}

Result<std::string> text_of(const json& value, const char* member) {
  const auto found = value.find(member);
  if (found == value.end() || !found->is_string()) return fail(Error::Kind::invalid, fmt::format("'{}' is not a text", member));
  return found->get<std::string>();
}

Result<std::string> read_file(const std::string& file) {
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

Result<void> write_all(int fd, std::string_view text, const std::string& file) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "cannot write " + file));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(fd) != 0) return fail(system_error(errno, "cannot write " + file));
  return {};
}

/// Root pins for a daemon that runs as another user: who owns the data folder must be able to read and replace what is below it.
void give_to_owner_of(const std::string& folder, int fd) {
  struct stat status {};
  if (::geteuid() == 0 && ::stat(folder.c_str(), &status) == 0) std::ignore = ::fchown(fd, status.st_uid, status.st_gid);
}

/// The folder of `file`, made when it is missing.
void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::create_directories(folder, error)) return;
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) give_to_owner_of(folder.parent_path(), fd.get());
}

}  // namespace

json to_json(const Baseline& baseline) {
  json value{{"time", to_rfc3339(baseline.time)}, {"tunnel", baseline.tunnel}, {"rules", baseline.rules}, {"routes", baseline.routes}};
  if (baseline.left_out > 0) value["routes_left_out"] = baseline.left_out;
  return value;
}

Result<Baseline> baseline_from_json(const json& value) {
  if (!value.is_object()) return fail(Error::Kind::invalid, "a baseline is a JSON object");
  const auto time_text = text_of(value, "time");
  if (!time_text) return fail(time_text.error());
  const auto time = parse_rfc3339(*time_text);
  if (!time) return fail(Error::Kind::invalid, fmt::format("'time': {}", time.error().message));
  const auto tunnel = text_of(value, "tunnel");
  if (!tunnel) return fail(tunnel.error());
  auto rules = lines_of(value, "rules");
  if (!rules) return fail(rules.error());
  auto routes = lines_of(value, "routes");
  if (!routes) return fail(routes.error());
  const auto left_out = value.find("routes_left_out");
  if (left_out != value.end() && !left_out->is_number_unsigned()) return fail(Error::Kind::invalid, "'routes_left_out' is not a number");
  return Baseline{*time, *tunnel, std::move(*rules), std::move(*routes), left_out == value.end() ? 0 : left_out->get<std::size_t>()};
}

std::string baseline_file(const std::string& folder, const std::string& client_id) {
  return folder.empty() ? std::string() : fmt::format("{}/{}.json", folder, client_id);
}

Result<Baseline> read_baseline(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return fail(text.error());
  const auto value = json::parse(*text, nullptr, false);
  if (value.is_discarded()) return fail(Error::Kind::invalid, fmt::format("{} is not JSON", file));
  auto baseline = baseline_from_json(value);
  if (!baseline) return fail(Error::Kind::invalid, fmt::format("{}: {}", file, baseline.error().message));
  return baseline;
}

Result<void> write_baseline(const std::string& file, const Baseline& baseline) {
  const auto folder = std::filesystem::path(file).parent_path();
  make_folder(folder);
  const auto fresh = file + ".new";
  const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail(system_error(errno, "cannot write " + fresh));
  give_to_owner_of(folder, fd.get());
  if (auto written = write_all(fd.get(), to_json(baseline).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", fresh);
      !written)
    return written;
  if (std::rename(fresh.c_str(), file.c_str()) != 0) return fail(system_error(errno, "cannot replace " + file));
  return {};
}

}  // namespace vpn_sentinel
