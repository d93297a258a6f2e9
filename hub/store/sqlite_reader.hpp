/// The read side of the SQLite store: a connection of its own, which a WAL database lets read while another writes.
#pragma once

#include <memory>
#include <string>

#include "hub/store/reader.hpp"

namespace vpn_sentinel {

/// The database must have the newest shape: a Store has it open.
[[nodiscard]] Result<std::unique_ptr<StoreReader>> open_sqlite_reader(const std::string& file);

}  // namespace vpn_sentinel
