// Who may use the hub: keys, accounts, and what of the settings a running hub takes over.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/accounts/account_file.hpp"
#include "hub/app/first_admin.hpp"
#include "hub/app/hub.hpp"
#include "hub/app/key_commands.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {

std::shared_ptr<Access> Hub::make_access(const HubConfig& config) {
  auto rules = access_rules(config);
  Access::Options options;
  options.open_without_keys =
      rules.keys.empty() && std::ranges::all_of(config.api_endpoints, [](const Endpoint& each) { return each.address.is_loopback(); });
  options.on_refused = [](std::string_view what, const IpAddress& address) {
    log(LogLevel::warning, "logins_refused",
        {{"what", what}, {"address", address.to_string()}, {"hint", "too many wrong keys or passwords came from there"}});
  };
  return std::make_shared<Access>(std::move(rules), std::move(options));
}

std::shared_ptr<Access> Hub::make_access(const HubConfig& config, const PageAccess& pages) {
  Access::Options options;
  options.requesters = 4'096;
  options.logins = 1;  // nobody logs in here
  return std::make_shared<Access>(access_rules(config, pages), std::move(options));
}

/// After the server is made, which has to be told of changes, and before it runs.
void Hub::start_accounts(const HubConfig& config) {
  const auto cannot = [](const Error& error) {
    return FatalError(exit_cannot_create, fmt::format("the accounts cannot be used: {}", error.message));
  };
  if (auto prepared = prepare_accounts(config); !prepared) throw cannot(prepared.error());
  Accounts::Options options;
  options.limits = config.session_limits;
  options.on_changed = [this] { server_->review_live(); };
  options.on_trouble = [](const Error& error) { log(LogLevel::error, "accounts", {{"message", error.message}}); };
  auto accounts = Accounts::start(account_file_path(config.data_dir), std::move(options));
  if (!accounts) throw cannot(accounts.error());
  accounts_ = std::move(*accounts);
  const bool loopback = std::ranges::all_of(config.dashboard_endpoints, [](const Endpoint& each) { return each.address.is_loopback(); });
  door_ = std::make_shared<const AccountDoor>(AccountDoor{*accounts_, access_, tls_ != nullptr,
                                                          loopback && config.dashboard_password.empty(), config.dashboard_password,
                                                          config.forward_auth_header, config.forward_auth_proxies, &log_});
}

/// A key that the API made is good, and one that it revoked is not, when it answers.
KeyAdmin Hub::key_admin() {
  const auto in_force = [this](Result<std::string> key) -> Result<std::string> {
    if (!key) return key;
    if (auto read = read_keys_again(); !read) return fail(read.error());
    return key;
  };
  const auto wish = [](const KeyGrant& grant) { return NewKey{grant.name, grant.clients, grant.may_read, grant.groups}; };
  const auto data_dir = config_.data_dir;
  KeyAdmin admin;
  admin.list = [data_dir] { return read_keys(key_file_path(data_dir)); };
  admin.add = [=](const KeyGrant& grant) { return in_force(add_key(data_dir, wish(grant), wall_now())); };
  admin.rotate = [=](const std::string& name) { return in_force(rotate_key(data_dir, name, wall_now())); };
  admin.put = [=](const KeyGrant& grant) { return in_force(put_key(data_dir, wish(grant), wall_now())); };
  admin.revoke = [this, data_dir](const std::string& name) {
    return revoke_key(data_dir, name).and_then([this] { return read_keys_again(); });
  };
  return admin;
}

void Hub::apply_access(const HubConfig& config) {
  const std::lock_guard lock(rules_mutex_);
  config_.api_key = config.api_key;
  config_.client_keys = config.client_keys;
  config_.allowed = config.allowed;
  config_.trusted_proxies = config.trusted_proxies;
  config_.rate_limit = config.rate_limit;
  config_.dashboard_access = config.dashboard_access;
  config_.health_access = config.health_access;
  hide_secrets();
  replace_access();
}

void Hub::replace_access() {
  access_->replace(access_rules(config_));
  dashboard_access_->replace(access_rules(config_, config_.dashboard_access));
  health_access_->replace(access_rules(config_, config_.health_access));
  server_->review_live();
}

/// A file that is wrong changes nothing: the keys stay as they were until it is put right. Any thread.
Result<void> Hub::read_keys_again() {
  const std::lock_guard lock(rules_mutex_);
  auto keys = read_keys(key_file_.path());
  if (!keys) {
    log(LogLevel::error, "keys_not_read", {{"message", keys.error().message}, {"next", "the keys stay as they were"}});
    return fail(keys.error());
  }
  config_.client_keys = std::move(*keys);
  replace_access();
  log(LogLevel::info, "keys_read", {{"file", key_file_.path()}, {"client_keys", config_.client_keys.size()}});
  return {};
}

}  // namespace vpn_sentinel
