#include "probe/app/outbox_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "probe/delivery/outbox_file.hpp"

namespace vpn_sentinel {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view name_begin = "probe-outbox";
constexpr std::string_view name_end = ".sqlite";
constexpr std::size_t hash_digits = 16;

/// A URL as part of a file's name: FNV-1a, the same in every build.
std::string hash_of(std::string_view url) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : url) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{:016x}", hash);
}

bool exists(const std::string& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

bool is_outbox(std::string_view name) {
  if (!name.starts_with(name_begin) || !name.ends_with(name_end) || name.size() < name_begin.size() + name_end.size()) return false;
  const auto middle = name.substr(name_begin.size(), name.size() - name_begin.size() - name_end.size());
  if (middle.empty()) return true;
  return middle.size() == hash_digits + 1 && middle.front() == '-' &&
         middle.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

/// The log first: stopped in between, the next start goes on. The other way round a file would be read without its newest rows.
bool rename_outbox(const std::string& from, const std::string& to) {
  std::error_code error;
  if (exists(from + "-wal")) fs::rename(from + "-wal", to + "-wal", error);
  if (!error) fs::rename(from, to, error);
  return !error;
}

void remove_outbox(const std::string& file) {
  std::error_code ignored;
  for (const auto* const suffix : {"-wal", "-shm", ""}) fs::remove(file + suffix, ignored);
}

fs::file_time_type last_written(const std::string& file) {
  std::error_code error;
  auto newest = fs::last_write_time(file, error);
  if (error) newest = fs::file_time_type::clock::now();
  if (const auto log = fs::last_write_time(file + "-wal", error); !error) newest = std::max(newest, log);
  return newest;
}

std::optional<std::size_t> count_reports(const std::string& file) {
  auto opened = OutboxFile::open(file);
  if (!opened) return std::nullopt;
  const auto rows = opened->load();
  return rows ? std::optional(rows->size()) : std::nullopt;
}

/// The file without a hub in its name gets that of the first hub that has none yet.
void bind_old_file(const std::string& plain, const std::vector<std::string>& urls, std::vector<std::string>& files) {
  if (!exists(plain)) return;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    if (exists(files[i])) continue;
    if (!rename_outbox(plain, files[i])) files[i] = plain;
    return;
  }
}

std::vector<LeftOutbox> left_in(const std::string& folder, const std::set<std::string>& used, std::chrono::seconds age) {
  std::vector<LeftOutbox> left;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto file = entry.path().string();
    if (!is_outbox(entry.path().filename().string()) || used.contains(file)) continue;
    // Before it is opened, which may write.
    const bool too_old = fs::file_time_type::clock::now() - last_written(file) > age;
    const auto reports = count_reports(file);
    if (too_old || reports == 0U) remove_outbox(file);
    if (reports != 0U) left.push_back({file, reports, too_old});
  }
  std::ranges::sort(left, {}, &LeftOutbox::file);
  return left;
}

}  // namespace

OutboxFiles arrange_outbox_files(const std::string& folder, const std::vector<std::string>& urls, bool to_all_hubs,
                                 std::chrono::seconds age) {
  const auto file = [&folder](const std::string& suffix) { return fmt::format("{}/{}{}{}", folder, name_begin, suffix, name_end); };
  OutboxFiles arranged;
  if (to_all_hubs) {
    for (const auto& url : urls) arranged.files.push_back(file("-" + hash_of(url)));
    bind_old_file(file(""), urls, arranged.files);
  } else {
    arranged.files = {file("")};
    // From all to the first that answers: what waited for the best hub goes on.
    const auto best = urls.empty() ? std::string{} : file("-" + hash_of(urls.front()));
    if (!best.empty() && !exists(arranged.files.front()) && exists(best)) rename_outbox(best, arranged.files.front());
  }
  arranged.left = left_in(folder, {arranged.files.begin(), arranged.files.end()}, age);
  return arranged;
}

}  // namespace vpn_sentinel
