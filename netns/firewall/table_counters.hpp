/// Counters that go on while tables come and go. Pure.
#pragma once

#include <array>
#include <cstddef>

#include "netns/base/clock.hpp"
#include "netns/firewall/leak_counters.hpp"

namespace vpn_sentinel {

/// For two tables. A number that became smaller (somebody reset it, or made the table anew) began at zero: what it had is kept, and nothing
/// is ever subtracted.
class TableCounters {
 public:
  static constexpr std::size_t tables = 2;

  /// What table `table` (0 or 1) says now.
  void take(std::size_t table, const LeakCounters& now);
  /// The same without destinations: those that were told last are kept.
  void take_totals(std::size_t table, LeakCounters now);
  /// The tables are made anew and begin at zero. Their destinations are kept for as long as the kernel would keep them.
  void restart(MonoTime now);
  /// Of both tables, see sum_of().
  [[nodiscard]] LeakCounters total(bool pass_both, MonoTime now) const;

 private:
  std::array<LeakCounters, tables> before_;
  std::array<LeakCounters, tables> last_;
  MonoTime restarted_{};
};

}  // namespace vpn_sentinel
