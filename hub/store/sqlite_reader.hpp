/// The read side of the SQLite store: a connection of its own, which a WAL database lets read while another writes.
#pragma once

#include <memory>
#include <string>

#include "hub/store/reader.hpp"

namespace vpn_sentinel {

/// The database must have the newest shape: a Store has it open.
[[nodiscard]] Result<std::unique_ptr<StoreReader>> open_sqlite_reader(const std::string& file);

/// For a program beside the hub, or without one. Errors: not_found or unavailable: it cannot be read, invalid: another program's, or of
/// another version.
[[nodiscard]] Result<std::unique_ptr<StoreReader>> open_reader_of_file(const std::string& file);

}  // namespace vpn_sentinel
