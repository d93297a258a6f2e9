/// The file of client keys in the hub's data folder: hashes, never keys.
#pragma once

#include <sys/stat.h>

#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "hub/http/keyring.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string key_file_path(const std::string& data_dir);

/// No keys when there is no file. The Error names file, line and field, or why it cannot be read.
[[nodiscard]] Result<std::vector<ClientKey>> read_keys(const std::string& path);

/// Replaces the file (mode 0600) by a new one that is on the disk before it takes the name: a reader sees the old keys or the new ones.
/// Written by root it belongs to the owner of the folder, who has to read it.
[[nodiscard]] Result<void> write_keys(const std::string& path, const std::vector<ClientKey>& keys);

/// Tells that the file is another one than last time; a file that is there is news at first.
class KeyFileWatch {
 public:
  explicit KeyFileWatch(std::string path) : path_(std::move(path)) {}
  /// One stat(2).
  [[nodiscard]] bool changed();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct Stamp {
    ino_t inode = 0;  ///< 0: no file
    off_t size = 0;
    std::time_t seconds = 0;
    long nanoseconds = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  [[nodiscard]] Stamp look() const;

  std::string path_;
  Stamp last_;
};

}  // namespace vpn_sentinel
