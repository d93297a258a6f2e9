// Log-in, the first admin, the user's own secrets, and tokens for API users.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/accounts/code_brake.hpp"
#include "hub/accounts/jwt.hpp"
#include "hub/accounts/secrets.hpp"
#include "hub/accounts/totp.hpp"
#include "hub/http/account_api.hpp"
#include "hub/http/account_body.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_code = 32;
constexpr std::size_t longest_token = 256;

Response log_in_failed() { return error_response(401, "Log-in failed", "User or password is wrong"); }

Response unknown_refresh_token() {
  return error_response(401, "Log-in required", "refresh_token: unknown, used before, or too old; log in again");
}

Response code_failed(bool missing) {
  if (!missing) return error_response(401, "Log-in failed", "The code is wrong, was used already, or is too old");
  return json_response(
      401,
      {{"error", "Code required"}, {"message", "code: expected the authenticator's code, or a recovery code"}, {"code_required", true}});
}

/// Says for whom it waits: other than with an address, going elsewhere does not help, and a recovery code does.
Response too_many_codes(std::chrono::nanoseconds wait) {
  const auto seconds = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count());
  const auto time = seconds < 120 ? fmt::format("{} s", seconds) : fmt::format("{} min", (seconds + 59) / 60);
  auto response = json_response(
      429,
      {{"error", "Too many failed logins"},
       {"message",
        fmt::format("Too many wrong codes for this user: the next one is looked at in {}; a recovery code does not wait for that", time)},
       {"code_required", true}});
  response.headers.emplace_back("Retry-After", std::to_string(seconds));
  return response;
}

}  // namespace

Response AccountApi::logged_in(const AccountCall& call, int status, const std::string& secret) {
  auto response = session_response(call, status, accounts().by_session(secret));
  const auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(accounts().options().limits.absolute);
  response.headers.emplace_back("Set-Cookie", session_cookie(secret, call.secure, lifetime));
  return response;
}

Response AccountApi::jwt_response(const User& user, const std::string& family, const std::string& refresh_token, WallTime expires) const {
  const auto time = std::chrono::floor<std::chrono::seconds>(now());
  const std::chrono::seconds lifetime = accounts().options().limits.access_token;
  const auto token = make_jwt(accounts().directory()->signing_key, {user.id, user.name, family, time, time + lifetime});
  return json_response(200, {{"access_token", token},
                             {"token_type", "Bearer"},
                             {"expires_in", lifetime.count()},
                             {"refresh_token", refresh_token},
                             {"refresh_expires_in", std::chrono::floor<std::chrono::seconds>(expires - time).count()}});
}

void AccountApi::log_in(AccountCall& call) { begin_log_in(call, LoginKind::session); }
void AccountApi::log_in_for_jwt(AccountCall& call) { begin_log_in(call, LoginKind::jwt); }

/// Whether a proxy speaks HTTPS is known only when somebody comes through it, or past it.
void AccountApi::note_if_plain(const AccountCall& call) const {
  if (!call.secure && !call.address.is_loopback()) door_->plain_log_in->store(true, std::memory_order_relaxed);
}

void AccountApi::begin_log_in(AccountCall& call, LoginKind kind) {
  note_if_plain(call);
  AccountBody body(call.request, {"user", "password", "code"});
  Attempt attempt;
  attempt.user = body.text("user", 1, longest_user);
  attempt.password = body.text("password", 1, longest_password);
  attempt.code = body.optional_text("code", 0, longest_code).value_or("");
  attempt.kind = kind;
  if (body.refusal()) return call.answer(*body.refusal());
  if (brake(call)) return;
  hash(call, [self = shared_from_this(), call, attempt] { self->verify(call, attempt); });
}

/// On the thread of passwords. The brake is asked again: many attempts may have waited together.
void AccountApi::verify(const AccountCall& call, const Attempt& attempt) {
  if (brake(call)) return;
  const auto all = accounts().directory();
  const auto* const user = all->find(attempt.user);
  const bool matches = password_matches(user != nullptr ? user->password : accounts().nobodys_hash(), attempt.password);
  if (!matches || user == nullptr) {
    failed(call, attempt.user);
    return call.answer(log_in_failed());
  }
  complete(call, *user, attempt);
}

void AccountApi::complete(const AccountCall& call, const User& user, const Attempt& attempt) {
  const auto time = door_->access->options().now();
  const Actor actor{user.name, call.actor.address};
  const bool queued =
      accounts().change([self = shared_from_this(), call, user, attempt, actor, time](AccountFile& file) -> Accounts::Reply {
        const bool guessable = !user.totp_secret.empty() && !attempt.code.empty() && !looks_like_recovery_code(attempt.code);
        if (const auto wait = guessable ? self->door_->code_brake->wait(user.id, time) : std::nullopt) {
          self->failed(call, user.name);
          return [call, wait] { call.answer(too_many_codes(*wait)); };
        }
        const auto& limits = self->accounts().options().limits;
        const auto login = file.log_in(user, attempt.code, attempt.kind, limits, self->now(), actor);
        if (!login) return [call, error = login.error()] { call.answer(failed_response(error)); };
        switch (login->result) {
          case LoginResult::ok:
            self->door_->code_brake->succeeded(user.id);
            self->door_->access->dashboard_logins().succeeded(call.address, time);
            return [self, call, user, attempt, login = *login, &limits] {
              if (attempt.kind == LoginKind::session) return call.answer(self->logged_in(call, 200, login.secret));
              call.answer(self->jwt_response(user, login.family, login.secret, self->now() + limits.absolute));
            };
          case LoginResult::code_required:
            return [call] { call.answer(code_failed(true)); };
          case LoginResult::code_wrong:
            if (guessable) self->door_->code_brake->failed(user.id, time);
            self->failed(call, user.name);
            return [call] { call.answer(code_failed(false)); };
          case LoginResult::wrong:
            break;
        }
        return [call] { call.answer(log_in_failed()); };
      });
  if (!queued) call.answer(unavailable_response("Too many changes are waiting", "1"));
}

void AccountApi::add_first(const AccountCall& call, const std::string& name, const std::string& password) {
  const bool queued = accounts().change([self = shared_from_this(), call, name, password](AccountFile& file) -> Accounts::Reply {
    const Actor actor{name, call.actor.address};
    const auto login =
        file.add_user(name, Role::admin, password, true, actor).and_then([&] { return file.load(); }).and_then([&](const Directory& all) {
          return file.log_in(all.users.at(name), "", LoginKind::session, self->accounts().options().limits, self->now(), actor);
        });
    if (!login) return [call, error = login.error()] { call.answer(failed_response(error)); };
    return [self, call, secret = login->secret] { call.answer(self->logged_in(call, 201, secret)); };
  });
  if (!queued) call.answer(unavailable_response("Too many changes are waiting", "1"));
}

/// The token's hash goes with the first user, so that it works once.
void AccountApi::set_up(AccountCall& call) {
  note_if_plain(call);
  AccountBody body(call.request, {"token", "user", "password"});
  const auto token = body.text("token", 1, longest_token);
  const auto name = body.text("user", 1, longest_user);
  const auto password = body.text("password", 1, longest_password);
  if (!is_valid_user_name(name)) body.refuse("user", "1-64 characters out of A-Z a-z 0-9 . _ @ -");
  if (!is_valid_password(password)) body.refuse("password", password_rule);
  if (body.refusal()) return call.answer(*body.refusal());
  if (accounts().has_users()) return call.answer(error_response(409, "Conflict", "There are users already; log in"));
  if (brake(call)) return;
  const auto make = [self = shared_from_this(), call, name, password] {
    self->add_first(call, name, hash_password(password, self->accounts().options().cost));
  };
  const bool queued = accounts().change([self = shared_from_this(), call, token, make](AccountFile& file) -> Accounts::Reply {
    const auto expected = file.fact(setup_token_fact);
    if (expected && !expected->empty() && is_same_secret(*expected, hash_secret(token)))
      return [self, call, make] { self->hash(call, make); };
    self->failed(call, "");
    return [call] {
      call.answer(error_response(403, "Access denied", "token: expected the one that the hub has told in its log at its first start"));
    };
  });
  if (!queued) call.answer(unavailable_response("Too many changes are waiting", "1"));
}

void AccountApi::log_out(AccountCall& call) {
  const auto identity = *call.identity;
  const auto gone = session_cookie("", call.secure, std::chrono::seconds{0});
  if (identity.by != Identity::By::session) {
    return call.answer(error_response(409, "Conflict", "This is no log-in of the hub: end it where it began, or by POST /jwt/revoke"));
  }
  change(call, [self = shared_from_this(), identity, gone, actor = call.actor](AccountFile& file) -> Result<Response> {
    self->accounts().end_session(file, identity.credential, actor);
    auto response = done_response();
    response.headers.emplace_back("Set-Cookie", gone);
    return response;
  });
}

/// A session that somebody else got hold of must not be enough to change secrets.
void AccountApi::with_password(const AccountCall& call, const std::string& password, std::function<void(const User&)> then) {
  if (brake(call)) return;
  hash(call, [self = shared_from_this(), call, password, then = std::move(then)] {
    if (self->brake(call)) return;
    const auto all = self->accounts().directory();
    const auto* const user = all->find(call.identity->user_id);
    if (user == nullptr) return call.answer(log_in_required());
    if (password_matches(user->password, password)) return then(*user);
    self->failed(call, user->name);
    call.answer(error_response(403, "Access denied", "The password is wrong"));
  });
}

void AccountApi::change_password(AccountCall& call) {
  AccountBody body(call.request, {"old", "new"});
  const auto old = body.text("old", 1, longest_password);
  const auto fresh = body.text("new", 1, longest_password);
  if (!is_valid_password(fresh)) body.refuse("new", password_rule);
  if (body.refusal()) return call.answer(*body.refusal());
  with_password(call, old, [self = shared_from_this(), call, fresh](const User& user) {
    const auto hashed = hash_password(fresh, self->accounts().options().cost);
    self->change(call, [call, hashed, user](AccountFile& file) -> Result<Response> {
      auto changed = file.set_password(user.name, hashed, call.identity->credential, user.password, call.actor);
      if (!changed) return fail(changed.error());
      return done_response();
    });
  });
}

void AccountApi::begin_totp(AccountCall& call) {
  AccountBody body(call.request, {"password"});
  const auto password = body.text("password", 1, longest_password);
  if (body.refusal()) return call.answer(*body.refusal());
  if (call.identity->has_totp) return call.answer(error_response(409, "Conflict", "There is an authenticator; remove it first"));
  with_password(call, password, [self = shared_from_this(), call](const User& user) {
    self->change(call, [user](AccountFile& file) -> Result<Response> {
      const auto secret = make_totp_secret();
      if (auto begun = file.begin_totp(user.name, secret); !begun) return fail(begun.error());
      return json_response(200, {{"secret", to_base32(secret)}, {"uri", otpauth_uri(secret, user.name)}});
    });
  });
}

void AccountApi::confirm_totp(AccountCall& call) {
  AccountBody body(call.request, {"code"});
  const auto code = body.text("code", 1, longest_code);
  if (body.refusal()) return call.answer(*body.refusal());
  if (call.identity->has_totp) return call.answer(error_response(409, "Conflict", "There is an authenticator; remove it first"));
  if (brake(call)) return;
  change(call, [self = shared_from_this(), call, code](AccountFile& file) -> Result<Response> {
    const auto codes = file.confirm_totp(call.identity->user, code, self->now(), call.actor);
    if (!codes) return fail(codes.error());
    if (*codes) return json_response(200, {{"recovery_codes", **codes}});
    self->failed(call, call.identity->user);
    return error_response(403, "Access denied", "code: expected the one that the authenticator shows now");
  });
}

void AccountApi::remove_totp(AccountCall& call) {
  AccountBody body(call.request, {"password"});
  const auto password = body.text("password", 1, longest_password);
  if (body.refusal()) return call.answer(*body.refusal());
  with_password(call, password, [self = shared_from_this(), call](const User& user) {
    self->change(call, [call, user](AccountFile& file) -> Result<Response> {
      if (auto removed = file.remove_totp(user.name, call.actor); !removed) return fail(removed.error());
      return done_response();
    });
  });
}

void AccountApi::refresh_jwt(AccountCall& call) {
  AccountBody body(call.request, {"refresh_token"});
  const auto token = body.text("refresh_token", 1, longest_token);
  if (body.refusal()) return call.answer(*body.refusal());
  if (!accounts().knows_family_of(token)) return call.answer(unknown_refresh_token());
  change(call, [self = shared_from_this(), call, token](AccountFile& file) -> Result<Response> {
    const auto next = file.refresh(token, self->now(), call.actor);
    if (!next) return fail(next.error());
    const auto all = self->accounts().directory();
    const auto* const user = *next ? all->find((*next)->user) : nullptr;
    if (user == nullptr) return unknown_refresh_token();
    return self->jwt_response(*user, (*next)->family, (*next)->token, (*next)->expires);
  });
}

void AccountApi::revoke_jwt(AccountCall& call) {
  AccountBody body(call.request, {"refresh_token"});
  const auto token = body.text("refresh_token", 1, longest_token);
  if (body.refusal()) return call.answer(*body.refusal());
  if (!accounts().knows_family_of(token)) return call.answer(unknown_refresh_token());
  change(call, [call, token](AccountFile& file) -> Result<Response> {
    const auto ended = file.end_family(token, call.actor);
    if (!ended) return fail(ended.error());
    return *ended ? done_response() : unknown_refresh_token();
  });
}

}  // namespace vpn_sentinel
