#include "hub/metrics/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace vpn_sentinel {
namespace {

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }

std::optional<std::uint64_t> count_fds() {
  std::error_code error;
  const std::filesystem::directory_iterator fds("/proc/self/fd", error);
  if (error) return std::nullopt;
  const auto count = std::distance(begin(fds), end(fds));
  return static_cast<std::uint64_t>(count > 0 ? count - 1 : 0);  // one of them reads this folder
}

}  // namespace

ProcessNumbers read_process_numbers() {
  ProcessNumbers numbers;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  if (std::ifstream("/proc/self/statm") >> pages >> resident) {
    numbers.virtual_bytes = pages * page;
    numbers.resident_bytes = resident * page;
  }
  numbers.open_fds = count_fds();
  if (rlimit limit{}; getrlimit(RLIMIT_NOFILE, &limit) == 0) numbers.max_fds = limit.rlim_cur;
  if (rusage usage{}; getrusage(RUSAGE_SELF, &usage) == 0) numbers.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  return numbers;
}

}  // namespace vpn_sentinel
