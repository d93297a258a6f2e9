#include "hub/app/history_commands.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "hub/app/wish.hpp"
#include "hub/store/history_export.hpp"
#include "hub/store/history_import.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/base/fd.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

/// Wrong lines that are named one by one.
constexpr std::uint64_t most_named = 20;
constexpr std::uint64_t lines_between_looks = 5'000;

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

Error trouble_with(std::string_view what, const std::string& file) { return system_error(errno, fmt::format("cannot {} {}", what, file)); }

ExportWish wish_of(const HistoryWish& wish) {
  ExportWish wanted;
  if (wish.format != "jsonl" && wish.format != "csv") {
    throw FatalError(exit_usage, fmt::format("--format = '{}': expected jsonl or csv", wish.format));
  }
  if (wish.format == "csv") wanted.format = ExportWish::Format::csv;
  wanted.range.from = wished_time(wish.from, "--from", wanted.range.from);
  wanted.range.to = wished_time(wish.to, "--to", wanted.range.to);
  if (wanted.range.from >= wanted.range.to)
    throw FatalError(exit_usage, fmt::format("--from = '{}': expected a time before --to", wish.from));
  wanted.client = wish.client;
  return wanted;
}

/// "-" is a copy of standard output's descriptor, so that closing it says whether all was written.
File open_target(const std::string& name) {
  Fd fd(name == "-" ? ::dup(STDOUT_FILENO) : ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  File file(fd ? ::fdopen(fd.get(), "w") : nullptr);
  if (!file) throw FatalError(exit_cannot_create, trouble_with("make", name).message);
  static_cast<void>(fd.release());
  return file;
}

Result<void> put(std::FILE* file, std::string_view line, const std::string& name) {
  const bool written = std::fwrite(line.data(), 1, line.size(), file) == line.size() && std::fputc('\n', file) != EOF;
  return written ? Result<void>() : fail(trouble_with("write", name));
}

Result<void> close_durably(File file, const std::string& name) {
  const bool regular = name != "-";
  if (std::fflush(file.get()) != 0 || (regular && ::fsync(::fileno(file.get())) != 0)) return fail(trouble_with("write", name));
  return {};
}

class Progress {
 public:
  explicit Progress(std::FILE* input) {
    struct stat status {};
    if (::isatty(STDERR_FILENO) == 1 && ::fstat(::fileno(input), &status) == 0) bytes_ = status.st_size;
  }
  ~Progress() {
    if (bytes_ > 0) fmt::print(stderr, "\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(std::uint64_t lines, std::size_t length) {
    read_ += static_cast<std::int64_t>(length) + 1;
    if (bytes_ > 0 && lines % lines_between_looks == 0) fmt::print(stderr, "\r{:3} %, {} lines", read_ * 100 / bytes_, lines);
  }

 private:
  std::int64_t bytes_ = 0;  ///< 0: nobody looks
  std::int64_t read_ = 0;
};

/// A line without its end. False: there is no more.
class Lines {
 public:
  explicit Lines(std::FILE* file) : file_(file) {}
  ~Lines() { std::free(text_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  bool next(std::string_view& line) {
    const auto length = ::getline(&text_, &room_, file_);
    if (length < 0) return false;
    line = {text_, static_cast<std::size_t>(length)};
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    return true;
  }

 private:
  std::FILE* file_;
  char* text_ = nullptr;
  std::size_t room_ = 0;
};

/// How many lines were wrong.
std::uint64_t read_all(std::FILE* input, HistoryImport& import, const HistoryWish& wish) {
  Progress progress(input);
  Lines lines(input);
  std::uint64_t number = 0;
  std::uint64_t wrong = 0;
  for (std::string_view line; lines.next(line);) {
    ++number;
    progress.show(number, line.size());
    if (line.empty()) continue;
    const auto taken = import.take(line);
    if (taken) continue;
    const auto message = fmt::format("line {}: {}", number, taken.error().message);
    if (taken.error().kind != Error::Kind::invalid) throw FatalError(exit_cannot_create, message);
    if (!wish.skip_wrong_lines) {
      static_cast<void>(import.finish());
      throw FatalError(exit_wrong_data,
                       fmt::format("{}; what came before it is taken; mend it, or skip it with --skip-wrong-lines", message));
    }
    if (++wrong <= most_named) fmt::print(stderr, "vpn-sentinel-hub: skipped: {}\n", message);
  }
  if (std::ferror(input) != 0) throw FatalError(exit_no_input, trouble_with("read", wish.file).message);
  return wrong;
}

}  // namespace

int export_command(const std::string& data_dir, const HistoryWish& wish) {
  const auto wanted = wish_of(wish);
  const auto database = data_dir + "/hub.db";
  if (::access(database.c_str(), R_OK) != 0) {
    throw FatalError(exit_no_input, fmt::format("{}; name the folder with --data-dir, and run as the hub's user or root",
                                                trouble_with("read", database).message));
  }
  auto file = open_target(wish.file);
  const auto lines = export_history(database, wanted, [&](std::string_view line) { return put(file.get(), line, wish.file); });
  auto done = lines ? close_durably(std::move(file), wish.file) : fail(lines.error());
  if (!done) {
    if (wish.file != "-") ::unlink(wish.file.c_str());
    throw FatalError(lines ? exit_cannot_create : exit_no_input, fmt::format("nothing was exported: {}", done.error().message));
  }
  fmt::print(stderr, "{} lines are written.\n", *lines);
  return 0;
}

int import_command(const std::string& data_dir, const HistoryWish& wish) {
  const File input(wish.file == "-" ? ::fdopen(::dup(STDIN_FILENO), "r") : std::fopen(wish.file.c_str(), "re"));
  if (!input) throw FatalError(exit_no_input, trouble_with("read", wish.file).message);
  auto import = HistoryImport::open(data_dir + "/hub.db");
  if (!import) throw FatalError(exit_cannot_create, fmt::format("nothing was imported: {}", import.error().message));
  const auto wrong = read_all(input.get(), **import, wish);
  if (auto done = (*import)->finish(); !done) throw FatalError(exit_cannot_create, done.error().message);
  const auto count = (*import)->count();
  fmt::print("{} are new, {} were there before{}.\n", count.added, count.known,
             wrong > 0 ? fmt::format(", {} lines were skipped", wrong) : "");
  return 0;
}

}  // namespace vpn_sentinel
