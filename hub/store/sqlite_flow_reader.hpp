/// The read side of the SQLite database of flows.
#pragma once

#include <memory>
#include <string>

#include "hub/store/flow_store.hpp"

namespace vpn_sentinel {

/// Opens a connection of its own; the file must have the newest shape.
[[nodiscard]] Result<std::unique_ptr<FlowReader>> open_sqlite_flow_reader(const std::string& file);

}  // namespace vpn_sentinel
