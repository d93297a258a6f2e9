/// The one exception of the project: a daemon cannot start. Thrown while starting, caught in main, printed, exit code 64 or more.
#pragma once

#include <stdexcept>
#include <string>

namespace vpn_sentinel {

class FatalError : public std::runtime_error {
 public:
  /// `exit_code` follows sysexits.h: 64 usage, 69 unavailable, 70 internal, 73 cannot create, 77 no permission, 78 configuration.
  FatalError(int exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

}  // namespace vpn_sentinel
