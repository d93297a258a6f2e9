/// What the routes of accounts do, in five parts: account_routes.cpp (table and rights), account_login.cpp, account_users.cpp,
/// account_keys.cpp, account_log.cpp. For nobody else.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hub/http/account_body.hpp"
#include "hub/http/account_routes.hpp"

namespace vpn_sentinel {

/// One request whose rights were found sufficient. The request itself is valid only until the handler returns; all else may be kept.
struct AccountCall {
  const Request& request;  ///< until the handler returns, not in copies of the call
  std::string parameter;
  std::optional<Identity> identity;  ///< always there where a role is asked for
  Actor actor;
  IpAddress address;
  bool secure = false;
  bool open = false;  ///< to who asks, as long as nobody has an account
  std::shared_ptr<const Respond> respond;

  void answer(Response response) const { (*respond)(std::move(response)); }
};

class AccountApi : public std::enable_shared_from_this<AccountApi> {
 public:
  AccountApi(std::shared_ptr<const AccountDoor> door, KeyAdmin keys) : door_(std::move(door)), keys_(std::move(keys)) {}

  using Handler = void (AccountApi::*)(AccountCall&);
  /// What a caller may have been let in with.
  enum class Means : std::uint8_t {
    any,
    no_api_token,  ///< it must not make itself another one, or change its user's secrets
    person,        ///< neither by an API token nor by a JWT: what is made outlives them, or opens more (users, their passwords, tokens)
  };
  struct Row {
    std::string_view method;
    std::string_view path;
    std::optional<Role> least;  ///< nullopt: no log-in is asked for
    Means means = Means::any;
    Handler handler = nullptr;
  };
  [[nodiscard]] static std::vector<Row> rows();
  void handle(const Row& row, const Request& request, std::string_view parameter, Respond respond);

 private:
  // account_routes.cpp
  [[nodiscard]] std::optional<Response> refuse(const Row& row, const AccountCall& call) const;
  void show_session(AccountCall& call);
  [[nodiscard]] Response session_response(const AccountCall& call, int status, const std::optional<Identity>& identity) const;
  /// A change and its answer; 503 when too many wait. `change`: Result<Response>(AccountFile&), an Error is answered by its kind.
  void change(const AccountCall& call, std::function<Result<Response>(AccountFile&)> change);
  /// On the thread of passwords.
  void hash(const AccountCall& call, std::function<void()> job);
  /// True: 429 was answered.
  [[nodiscard]] bool brake(const AccountCall& call) const;
  void failed(const AccountCall& call, const std::string& user);

  // account_login.cpp
  struct Attempt {
    std::string user;
    std::string password;
    std::string code;
    LoginKind kind = LoginKind::session;
  };
  void log_in(AccountCall& call);
  void log_in_for_jwt(AccountCall& call);
  void note_if_plain(const AccountCall& call) const;
  void begin_log_in(AccountCall& call, LoginKind kind);
  void verify(const AccountCall& call, const Attempt& attempt);
  void complete(const AccountCall& call, const User& user, const Attempt& attempt);
  void set_up(AccountCall& call);
  void add_first(const AccountCall& call, const std::string& name, const std::string& password);
  void log_out(AccountCall& call);
  void change_password(AccountCall& call);
  void begin_totp(AccountCall& call);
  void confirm_totp(AccountCall& call);
  void remove_totp(AccountCall& call);
  void with_password(const AccountCall& call, const std::string& password, std::function<void(const User&)> then);
  void refresh_jwt(AccountCall& call);
  void revoke_jwt(AccountCall& call);
  [[nodiscard]] Response logged_in(const AccountCall& call, int status, const std::string& secret);
  [[nodiscard]] Response jwt_response(const User& user, const std::string& family, const std::string& refresh_token,
                                      WallTime expires) const;

  // account_users.cpp
  void list_users(AccountCall& call);
  void add_user(AccountCall& call);
  void change_user(AccountCall& call);
  void remove_user(AccountCall& call);
  void list_tokens(AccountCall& call);
  void add_token(AccountCall& call);
  void make_token(const AccountCall& call, const NewToken& token);
  void remove_token(AccountCall& call);
  void list_audit(AccountCall& call);

  // account_keys.cpp
  void list_keys(AccountCall& call);
  void add_key(AccountCall& call);
  void rotate_key(AccountCall& call);
  void revoke_key(AccountCall& call);
  void list_enrolments(AccountCall& call);
  void add_enrolment(AccountCall& call);
  void remove_enrolment(AccountCall& call);
  void enrol(AccountCall& call);

  // account_log.cpp
  void list_log(AccountCall& call);

  [[nodiscard]] Accounts& accounts() const { return door_->accounts; }
  [[nodiscard]] WallTime now() const { return door_->accounts.options().now(); }

  const std::shared_ptr<const AccountDoor> door_;
  const KeyAdmin keys_;
  TokenBuckets failure_lines_{1};  ///< of the audit log
};

[[nodiscard]] Response done_response();
/// By its kind: 404, 409, 507 or 503.
[[nodiscard]] Response failed_response(const Error& error);
/// The number at the end of a path; nullopt: none.
[[nodiscard]] std::optional<std::int64_t> number_of_path(const std::string& text);

}  // namespace vpn_sentinel
