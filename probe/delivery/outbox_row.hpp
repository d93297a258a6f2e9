/// One report in the outbox's file.
#pragma once

#include <string>

namespace vpn_sentinel {

struct OutboxRow {
  bool is_change = false;
  std::string report;  ///< JSON
  friend bool operator==(const OutboxRow&, const OutboxRow&) = default;
};

}  // namespace vpn_sentinel
