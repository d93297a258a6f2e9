#include "hub/app/first_admin.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/password.hpp"
#include "hub/accounts/secrets.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

Result<void> write_token(const std::string& path, const std::string& token) {
  unlink(path.c_str());
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const auto line = token + "\n";
  const bool written = fd && write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(fd.get()) == 0;
  if (written) return {};
  return fail(system_error(errno, fmt::format("the token for the first admin cannot be written to {}", path)));
}

/// The hash is stored last: a hub that is killed before tells another token.
Result<void> make_token(AccountFile& file, const std::string& data_dir) {
  const auto known = file.fact(setup_token_fact);
  if (!known) return fail(known.error());
  if (!known->empty()) return {};
  const auto token = random_secret();
  const auto path = setup_token_path(data_dir);
  return write_token(path, token).and_then([&] { return file.set_fact(setup_token_fact, hash_secret(token)); }).map([&] {
    log(LogLevel::info, "first_admin",
        {{"token", token}, {"file", path}, {"hint", "nobody has an account: open the dashboard and make the first admin with this token"}});
  });
}

}  // namespace

std::string setup_token_path(const std::string& data_dir) { return data_dir + "/setup-token"; }

void forget_setup_token(const std::string& data_dir) { unlink(setup_token_path(data_dir).c_str()); }

Result<void> prepare_accounts(const HubConfig& config) {
  auto file = AccountFile::open(account_file_path(config.data_dir));
  if (!file) return fail(file.error());
  const auto all = file->load();
  if (!all) return fail(all.error());
  if (all->users.empty() && config.admin_user.empty()) return make_token(*file, config.data_dir);
  forget_setup_token(config.data_dir);
  if (!all->users.empty()) return {};
  auto added = file->add_user(config.admin_user, Role::admin, hash_password(config.admin_password, {}), true, {"settings", ""});
  if (added) log(LogLevel::info, "first_admin", {{"user", config.admin_user}});
  return added;
}

}  // namespace vpn_sentinel
