/// The programs that hold tun interfaces, found by one look through /proc for the questions of many tunnels. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/sockets/process_files.hpp"

namespace vpn_sentinel {

class TunnelPrograms {
 public:
  /// Those that hold an interface of this name, by process id. A look that began at `not_before` or later is used again: still_holds()
  /// tells whether a process has let go of it since then. Blocks and fails as find_tun_holders().
  [[nodiscard]] Result<TunHolders> holders(const std::string& name, MonoTime not_before, MonoTime deadline);
  /// As of namespace_of_tun() and read_process(), asked once for each look.
  [[nodiscard]] const Result<NamespaceIdentity>& namespace_of(const TunHolder& holder);
  [[nodiscard]] const Result<ProcessFacts>& facts_of(pid_t pid, MonoTime deadline);

 private:
  Result<void> look(MonoTime deadline);
  [[nodiscard]] TunHolders named(const std::string& name) const;

  std::optional<MonoTime> began_;  ///< of the last look; absent before the first, and when it failed
  std::map<std::string, std::vector<TunHolder>> found_;
  std::size_t unreadable_ = 0;
  std::map<std::pair<pid_t, int>, Result<NamespaceIdentity>> namespaces_;
  std::map<pid_t, Result<ProcessFacts>> facts_;
};

}  // namespace vpn_sentinel
