/// A folder with accounts that goes away with the test, and passwords that cost next to nothing.
#pragma once

#include <sodium.h>
#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/password.hpp"

namespace vpn_sentinel {

inline constexpr PasswordCost cheap{1, 8192};
inline const Actor tester{"tester", "192.0.2.7"};
inline const std::string usual_password = "a long password";

struct AccountFolder {
  std::string folder;
  AccountFolder() {
    BOOST_REQUIRE(sodium_init() >= 0);
    std::string name = (std::filesystem::temp_directory_path() / "accounts_test.XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
  }
  ~AccountFolder() { std::filesystem::remove_all(folder); }
  AccountFolder(const AccountFolder&) = delete;
  AccountFolder& operator=(const AccountFolder&) = delete;

  [[nodiscard]] std::string path() const { return account_file_path(folder); }
  [[nodiscard]] AccountFile open() const { return AccountFile::open(path()).value(); }
  /// With the usual password.
  static void add(AccountFile& file, const std::string& name, Role role) {
    BOOST_REQUIRE(file.add_user(name, role, hash_password(usual_password, cheap), false, tester).has_value());
  }
};

}  // namespace vpn_sentinel
