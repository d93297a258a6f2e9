/// `vpn-sentinel-hub user …`: accounts of people. A running hub sees the change within a second or so.
#pragma once

#include <string>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct UserWish {
  std::string name;
  std::string role;
  bool remove_totp = false;
};

/// Makes the data folder when it is missing. The Error names the argument that is wrong, or the file.
[[nodiscard]] Result<void> add_user(const std::string& data_dir, const UserWish& wish, const std::string& password);
/// Ends the user's log-ins.
[[nodiscard]] Result<void> set_user_password(const std::string& data_dir, const UserWish& wish, const std::string& password);
[[nodiscard]] Result<void> set_user_role(const std::string& data_dir, const UserWish& wish);
[[nodiscard]] Result<void> remove_user(const std::string& data_dir, const UserWish& wish);
/// A table for people; a sentence when there is nobody.
[[nodiscard]] Result<std::string> list_users(const std::string& data_dir);

/// Asks on the terminal, twice and without showing it; otherwise the first line of standard input.
[[nodiscard]] Result<std::string> ask_password();

}  // namespace vpn_sentinel
