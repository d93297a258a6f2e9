/// Namespaces with a tunnel each whose other end answers every question, made and removed by the bench.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "netns/base/fd.hpp"

namespace vpn_sentinel {

class ManyNamespaces {
 public:
  static constexpr const char* tunnel = "tun0";
  static constexpr const char* server = "198.18.0.53";  ///< asked through the tunnel

  /// Throws FatalError(no_root) where none can be made.
  static constexpr int no_root = 77;
  explicit ManyNamespaces(std::size_t count);
  ManyNamespaces(const ManyNamespaces&) = delete;
  ManyNamespaces& operator=(const ManyNamespaces&) = delete;
  ~ManyNamespaces();

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// What answering has cost: no part of what is measured.
  [[nodiscard]] std::chrono::nanoseconds answering_time();

 private:
  void make_tunnel(const std::string& name);
  void answer();
  void remove() const noexcept;

  std::vector<std::string> names_;
  std::vector<Fd> tunnels_;
  std::atomic<bool> stop_ = false;
  std::thread answering_;
};

/// Runs `ip -batch` with these lines; throws FatalError when it fails.
void ip_batch(const std::string& lines, const std::string& options = {});

}  // namespace vpn_sentinel
