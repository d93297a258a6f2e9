#include "hub/app/user_commands.hpp"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/password.hpp"

namespace vpn_sentinel {
namespace {

const Actor by_command{"command", ""};

Result<AccountFile> open_accounts(const std::string& data_dir) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(data_dir, error);
  if (made) std::filesystem::permissions(data_dir, std::filesystem::perms::owner_all, error);
  if (error) return fail(system_error(error.value(), fmt::format("the data folder {} cannot be made", data_dir)));
  return AccountFile::open(account_file_path(data_dir));
}

Result<Role> role_of(const std::string& text) {
  if (const auto role = parse_role(text)) return *role;
  return fail(Error::Kind::invalid, fmt::format("ROLE = '{}': expected viewer, operator or admin", text));
}

Result<std::string> hash_of(const std::string& password) {
  if (!is_valid_password(password)) return fail(Error::Kind::invalid, fmt::format("the password: expected {}", password_rule));
  return hash_password(password, {});
}

/// Not shown while it lives.
class HiddenInput {
 public:
  HiddenInput() {
    tcgetattr(STDIN_FILENO, &before_);
    auto hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  ~HiddenInput() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    fmt::print(stderr, "\n");
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;

 private:
  termios before_{};
};

std::string read_line() {
  std::string line;
  std::getline(std::cin, line);
  return line;
}

std::string ask(const char* prompt) {
  fmt::print(stderr, "{}: ", prompt);
  const HiddenInput hidden;
  return read_line();
}

}  // namespace

Result<void> add_user(const std::string& data_dir, const UserWish& wish, const std::string& password) {
  if (!is_valid_user_name(wish.name)) {
    return fail(Error::Kind::invalid, fmt::format("NAME = '{}': expected 1-64 characters out of A-Z a-z 0-9 . _ @ -", wish.name));
  }
  const auto role = role_of(wish.role);
  if (!role) return fail(role.error());
  const auto hashed = hash_of(password);
  if (!hashed) return fail(hashed.error());
  auto file = open_accounts(data_dir);
  if (!file) return fail(file.error());
  return file->add_user(wish.name, *role, *hashed, false, by_command);
}

Result<void> set_user_password(const std::string& data_dir, const UserWish& wish, const std::string& password) {
  const auto hashed = hash_of(password);
  if (!hashed) return fail(hashed.error());
  auto file = open_accounts(data_dir);
  if (!file) return fail(file.error());
  return file->set_password(wish.name, *hashed, "", "", by_command).and_then([&] {
    return wish.remove_totp ? file->remove_totp(wish.name, by_command) : Result<void>{};
  });
}

Result<void> set_user_role(const std::string& data_dir, const UserWish& wish) {
  const auto role = role_of(wish.role);
  if (!role) return fail(role.error());
  auto file = open_accounts(data_dir);
  if (!file) return fail(file.error());
  return file->set_role(wish.name, *role, by_command);
}

Result<void> remove_user(const std::string& data_dir, const UserWish& wish) {
  auto file = open_accounts(data_dir);
  if (!file) return fail(file.error());
  return file->remove_user(wish.name, by_command);
}

Result<std::string> list_users(const std::string& data_dir) {
  const auto any = has_accounts(data_dir);
  if (!any) return fail(any.error());
  if (!*any) return std::string("There are no users.\n");
  auto all = AccountFile::open(account_file_path(data_dir)).and_then([](AccountFile file) { return file.load(); });
  if (!all) return fail(all.error());
  auto text = fmt::format("{:<24} {:<10} {:<6} {}\n", "NAME", "ROLE", "CODES", "CREATED");
  for (const auto& [name, user] : all->users) {
    const auto created = to_rfc3339(user.created).substr(0, 19) + "Z";
    text += fmt::format("{:<24} {:<10} {:<6} {}\n", name, to_string(user.role), user.totp_secret.empty() ? "no" : "yes", created);
  }
  return text;
}

Result<std::string> ask_password() {
  if (isatty(STDIN_FILENO) == 0) return read_line();
  auto password = ask("Password");
  if (ask("The same again") == password) return password;
  return fail(Error::Kind::invalid, "the passwords differ");
}

}  // namespace vpn_sentinel
