/// `vpn-sentinel-hub key …`: makes, lists and revokes the keys of single clients. A running hub sees the change within a second or so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hub/http/keyring.hpp"

namespace vpn_sentinel {

struct NewKey {
  std::string name;
  std::vector<std::string> clients;
  bool may_read = false;
  std::optional<std::vector<std::string>> groups = {};  ///< as in KeyGrant
};

/// Returns the key, which is nowhere else from then on. The Error names the argument that is wrong, or the file.
[[nodiscard]] Result<std::string> add_key(const std::string& data_dir, const NewKey& key, WallTime now);
/// A new key with the rights of the old one, which is refused from then on.
[[nodiscard]] Result<std::string> rotate_key(const std::string& data_dir, const std::string& name, WallTime now);
/// add_key(), in the place of the key of that name if there is one.
[[nodiscard]] Result<std::string> put_key(const std::string& data_dir, const NewKey& key, WallTime now);
[[nodiscard]] Result<void> revoke_key(const std::string& data_dir, const std::string& name);
/// A table for people; a sentence when there is no key.
[[nodiscard]] Result<std::string> list_keys(const std::string& data_dir);

}  // namespace vpn_sentinel
