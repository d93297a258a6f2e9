/// Finds intact rows in an outbox's file that SQLite no longer reads: cut off, overwritten, with unreadable places.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "probe/delivery/outbox_row.hpp"

namespace vpn_sentinel {

/// The rows of the file and of its log ("PATH-wal") whose checksum is right, by id; of the first version's rows, which have none, those
/// whose place in the file and whose JSON are whole. Rows that were deleted not long ago may be among them:
/// the hub knows them by boot_id and seq. At most the first 256 MiB of each file are read. A file that cannot be opened has no rows.
[[nodiscard]] std::map<std::uint64_t, OutboxRow> salvage_rows(const std::string& path);

}  // namespace vpn_sentinel
