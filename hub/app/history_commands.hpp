/// vpn-sentinel-hub export FILE and import FILE: history as lines of text.
#pragma once

#include <string>

namespace vpn_sentinel {

struct HistoryWish {
  std::string file;  ///< "-": standard output or input
  std::string from;  ///< RFC 3339; empty: everything
  std::string to;
  std::string client;
  std::string format = "jsonl";
  bool skip_wrong_lines = false;
};

/// Beside a hub that runs, or without one. A file is made anew (mode 0600), and is not there when it is not whole. Returns 0; throws
/// FatalError: 64 a wrong wish, 66 the database cannot be read, 73 the file exists or cannot be written.
int export_command(const std::string& data_dir, const HistoryWish& wish);

/// While no hub runs. Each thing is taken once, however often the file is read; progress goes to standard error when that is a terminal.
/// Returns 0; throws FatalError: 65 a line is wrong (those before it are taken, and it may be read again), 66 the file cannot be read,
/// 73 the database cannot be used, or a hub uses it.
int import_command(const std::string& data_dir, const HistoryWish& wish);

}  // namespace vpn_sentinel
