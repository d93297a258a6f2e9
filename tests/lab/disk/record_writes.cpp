// Preloaded into a hub (LD_PRELOAD): appends each change and each flush of the files in RECORD_WRITES_FOLDER to the log RECORD_WRITES_LOG,
// from which disk_images.py makes what may be on the disk when the power fails. Only the calls that SQLite makes are covered. The folder
// itself is named ".": a file that was removed may come back until the folder has been flushed.
//
// One record: Header, the name's bytes, the data's bytes. Times are CLOCK_MONOTONIC when the call began; a flush has a record for its
// begin and one for its end, because what is written by another thread meanwhile is not covered by it.

// The fortified inline functions of <fcntl.h> and <unistd.h> have the names of those that are replaced here.
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <string_view>

namespace {

struct Header {
  std::uint64_t time;  ///< ns
  std::uint64_t offset;
  std::uint32_t length;
  std::uint16_t name_length;
  char operation;  ///< w write, t truncate to `offset`, b begin of a flush, e its end, u unlink
  char padding;
};
static_assert(sizeof(Header) == 24);

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

std::uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

class Recorder {
 public:
  Recorder() {
    const char* folder = getenv("RECORD_WRITES_FOLDER");
    const char* log = getenv("RECORD_WRITES_LOG");
    if (folder == nullptr || log == nullptr) return;
    folder_ = std::string(folder) + "/";
    log_ = next<int(const char*, int, ...)>("open64")(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }

  void opened(int fd, const char* path) {
    if (fd < 0 || static_cast<std::size_t>(fd) >= names_.size()) return;
    const std::lock_guard lock(mutex_);
    names_.at(static_cast<std::size_t>(fd)) = name_of(path);
  }

  void closed(int fd) { opened(fd, ""); }

  void note(char operation, int fd, std::uint64_t offset = 0, const void* data = nullptr, std::size_t length = 0) {
    if (fd < 0 || static_cast<std::size_t>(fd) >= names_.size()) return;
    const std::lock_guard lock(mutex_);
    append(operation, names_.at(static_cast<std::size_t>(fd)), offset, data, length);
  }

  void unlinked(const char* path) {
    const std::lock_guard lock(mutex_);
    append('u', name_of(path), 0, nullptr, 0);
  }

 private:
  [[nodiscard]] std::string name_of(std::string_view path) const {
    if (log_ < 0) return {};
    if (path == std::string_view(folder_).substr(0, folder_.size() - 1)) return ".";
    return path.starts_with(folder_) ? std::string(path.substr(folder_.size())) : std::string();
  }

  void append(char operation, const std::string& name, std::uint64_t offset, const void* data, std::size_t length) {
    if (name.empty()) return;
    Header header{now(), offset, static_cast<std::uint32_t>(length), static_cast<std::uint16_t>(name.size()), operation, 0};
    const std::array<iovec, 3> parts{
        {{&header, sizeof header}, {const_cast<char*>(name.data()), name.size()}, {const_cast<void*>(data), length}}};
    // A log with a hole would prove nothing.
    if (writev(log_, parts.data(), static_cast<int>(parts.size())) != static_cast<ssize_t>(sizeof header + name.size() + length)) abort();
  }

  std::mutex mutex_;
  std::string folder_;
  std::array<std::string, 4096> names_;  ///< by descriptor; empty: not recorded
  int log_ = -1;
};

/// Never destroyed: the last files are closed after static objects have gone.
Recorder& recorder() {
  static auto* const instance = new Recorder;
  return *instance;
}

int open_with(const char* real, const char* path, int flags, va_list arguments) {
  const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
  const int fd = next<int(const char*, int, ...)>(real)(path, flags, mode);
  recorder().opened(fd, path);
  return fd;
}

int flush_with(const char* real, int fd) {
  recorder().note('b', fd);
  const int done = next<int(int)>(real)(fd);
  if (done == 0) recorder().note('e', fd);
  return done;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int fd = open_with("open", path, flags, arguments);
  va_end(arguments);
  return fd;
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int fd = open_with("open64", path, flags, arguments);
  va_end(arguments);
  return fd;
}

int close(int fd) {
  recorder().closed(fd);
  return next<int(int)>("close")(fd);
}

ssize_t pwrite(int fd, const void* data, std::size_t length, off_t offset) {
  recorder().note('w', fd, static_cast<std::uint64_t>(offset), data, length);
  return next<ssize_t(int, const void*, std::size_t, off_t)>("pwrite")(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void* data, std::size_t length, off64_t offset) {
  recorder().note('w', fd, static_cast<std::uint64_t>(offset), data, length);
  return next<ssize_t(int, const void*, std::size_t, off64_t)>("pwrite64")(fd, data, length, offset);
}

int ftruncate(int fd, off_t length) {
  recorder().note('t', fd, static_cast<std::uint64_t>(length));
  return next<int(int, off_t)>("ftruncate")(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  recorder().note('t', fd, static_cast<std::uint64_t>(length));
  return next<int(int, off64_t)>("ftruncate64")(fd, length);
}

int fsync(int fd) { return flush_with("fsync", fd); }
int fdatasync(int fd) { return flush_with("fdatasync", fd); }

int unlink(const char* path) {
  recorder().unlinked(path);
  return next<int(const char*)>("unlink")(path);
}
}
