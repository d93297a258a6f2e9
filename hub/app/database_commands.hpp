/// vpn-sentinel-hub backup FILE and check-database [FILE]: beside a hub that runs, or without one.
#pragma once

#include <string>

namespace vpn_sentinel {

/// Copies the database of the data folder to `target`, and the accounts, when there are any, to `target`.accounts: both or none; progress
/// on standard error when that is a terminal. Returns 0; throws FatalError: 66 there is no database, 73 the target exists or cannot be
/// written, 65 the copy or the database is damaged.
int backup_command(const std::string& data_dir, const std::string& target);

/// Checks `file`, or the database of the data folder when it is empty. Returns 0: it is whole, 1: it is damaged; throws FatalError: 66 it
/// cannot be read.
int check_database_command(const std::string& data_dir, const std::string& file);

}  // namespace vpn_sentinel
