/// `vpn-sentinel-hub key …`: makes, lists and revokes the keys of single clients. A running hub sees the change within a second or so.
#pragma once

#include <string>
#include <vector>

#include "hub/http/keyring.hpp"

namespace vpn_sentinel {

struct NewKey {
  std::string name;
  std::vector<std::string> clients;
  bool may_read = false;
};

/// Returns the key, which is nowhere else from then on. The Error names the argument that is wrong, or the file.
[[nodiscard]] Result<std::string> add_key(const std::string& data_dir, const NewKey& key, WallTime now);
[[nodiscard]] Result<void> revoke_key(const std::string& data_dir, const std::string& name);
/// A table for people; a sentence when there is no key.
[[nodiscard]] Result<std::string> list_keys(const std::string& data_dir);

}  // namespace vpn_sentinel
