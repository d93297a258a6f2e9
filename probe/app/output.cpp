#include "probe/app/output.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "netns/base/result.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

int first_failure = 0;  // of the process's one standard output, which belongs to the thread of the command

void note_failure() noexcept {
  if (first_failure == 0) first_failure = errno != 0 ? errno : EIO;
}

}  // namespace

void print_out(std::string_view text) noexcept {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) note_failure();
}

int flush_output() noexcept {
  if (std::fflush(stdout) != 0) note_failure();
  return first_failure;
}

int when_printed(int code) {
  const int failure = flush_output();
  if (failure == 0) return code;
  fmt::print(stderr, "vpn-sentinel-probe: {}\n", system_error(failure, "the output could not be written").message);
  return exit_not_printed;
}

}  // namespace vpn_sentinel
