/// The API of accounts: log-in, sessions, users, tokens, keys, enrolments, audit log.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/http/account_gate.hpp"
#include "hub/http/joined.hpp"
#include "hub/http/keyring.hpp"
#include "hub/http/router.hpp"

namespace vpn_sentinel {

/// The keys of probes, in the file that the hub's commands use too. Called on the accounts' thread of changes; they write to the disk.
/// Errors: invalid (a name that is taken), not_found.
struct KeyAdmin {
  std::function<Result<std::vector<ClientKey>>()> list;
  /// These return the key itself, once.
  std::function<Result<std::string>(const KeyGrant&)> add;
  std::function<Result<std::string>(const std::string& name)> rotate;
  std::function<Result<std::string>(const KeyGrant&)> put;  ///< in the place of one of the same name, if there is one
  std::function<Result<void>(const std::string& name)> revoke;
};

/// Routes below `prefix` behind gates that let everybody pass whose address may: each route asks for the rights that it needs.
[[nodiscard]] Service account_service(const std::shared_ptr<const AccountDoor>& door, const KeyAdmin& keys, const std::string& prefix,
                                      std::vector<Gate> gates);

/// Each route with the least role that may use it; nullopt: no log-in is asked for.
struct AccountRoute {
  std::string method;
  std::string pattern;
  std::optional<Role> least;
};
[[nodiscard]] std::vector<AccountRoute> list_account_routes(const std::string& prefix);

}  // namespace vpn_sentinel
