// Users, API tokens and the audit log.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/http/account_api.hpp"
#include "hub/http/account_body.hpp"
#include "hub/http/parameters.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t longest_token_name = 64;
constexpr std::size_t usual_rows = 100;
constexpr std::int64_t longest_days = 3650;
constexpr auto name_rule = "1-64 characters out of A-Z a-z 0-9 . _ @ -";

json user_json(const User& user) {
  return {{"name", user.name}, {"role", to_string(user.role)}, {"totp", !user.totp_secret.empty()}, {"created", to_rfc3339(user.created)}};
}

json scopes_json(const Scopes& scopes) {
  auto list = json::array();
  if (scopes.read) list.push_back("read");
  if (scopes.report) list.push_back("report");
  if (scopes.manage) list.push_back("manage");
  return list;
}

json token_json(const ApiToken& token, const std::string& user) {
  return {{"id", token.id},
          {"name", token.name},
          {"user", user},
          {"scopes", scopes_json(token.scopes)},
          {"created", to_rfc3339(token.created)},
          {"expires", token.expires ? json(to_rfc3339(*token.expires)) : json(nullptr)}};
}

std::optional<Role> read_role(AccountBody& body, const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto role = parse_role(*text);
  if (!role) body.refuse("role", "viewer, operator or admin");
  return role;
}

Scopes read_scopes(AccountBody& body) {
  Scopes scopes;
  const auto words = body.texts("scopes", 3);
  for (const auto& word : words) {
    if (word == "read") {
      scopes.read = true;
    } else if (word == "report") {
      scopes.report = true;
    } else if (word == "manage") {
      scopes.manage = true;
    } else {
      body.refuse("scopes", "a list out of read, report and manage");
    }
  }
  if (words.empty()) body.refuse("scopes", "at least one of read, report and manage");
  return scopes;
}

/// What the answer shows of a user after a change.
Result<Response> user_response(AccountFile& file, int status, const std::string& name) {
  const auto all = file.load();
  if (!all) return fail(all.error());
  const auto* const user = all->find(name);
  if (user == nullptr) return fail(Error::Kind::not_found, fmt::format("There is no user '{}'", name));
  return json_response(status, user_json(*user));
}

}  // namespace

void AccountApi::list_users(AccountCall& call) {
  auto users = json::array();
  for (const auto& [name, user] : accounts().directory()->users) users.push_back(user_json(user));
  call.answer(json_response(200, {{"users", std::move(users)}}));
}

void AccountApi::add_user(AccountCall& call) {
  AccountBody body(call.request, {"name", "role", "password"});
  const auto name = body.text("name", 1, longest_user);
  const auto role = read_role(body, body.text("role", 1, longest_user));
  const auto password = body.text("password", 1, longest_password);
  if (!is_valid_user_name(name)) body.refuse("name", name_rule);
  if (!is_valid_password(password)) body.refuse("password", password_rule);
  if (body.refusal()) return call.answer(*body.refusal());
  hash(call, [self = shared_from_this(), call, name, role = *role, password] {
    const auto hashed = hash_password(password, self->accounts().options().cost);
    self->change(call, [call, name, role, hashed](AccountFile& file) {
      return file.add_user(name, role, hashed, false, call.actor).and_then([&] { return user_response(file, 201, name); });
    });
  });
}

void AccountApi::change_user(AccountCall& call) {
  AccountBody body(call.request, {"role", "password", "remove_totp"});
  const auto role = read_role(body, body.optional_text("role", 1, longest_user));
  const auto password = body.optional_text("password", 1, longest_password);
  const bool no_totp = body.flag("remove_totp");
  if (password && !is_valid_password(*password)) body.refuse("password", password_rule);
  if (body.refusal()) return call.answer(*body.refusal());
  const auto apply = [self = shared_from_this(), call, role, no_totp](const std::string& hashed) {
    self->change(call, [call, role, no_totp, hashed](AccountFile& file) {
      const auto& name = call.parameter;
      return (role ? file.set_role(name, *role, call.actor) : Result<void>{})
          .and_then([&] { return hashed.empty() ? Result<void>{} : file.set_password(name, hashed, "", "", call.actor); })
          .and_then([&] { return no_totp ? file.remove_totp(name, call.actor) : Result<void>{}; })
          .and_then([&] { return user_response(file, 200, name); });
    });
  };
  if (!password) return apply("");
  hash(call, [apply, password, cost = accounts().options().cost] { apply(hash_password(*password, cost)); });
}

void AccountApi::remove_user(AccountCall& call) {
  change(call, [call](AccountFile& file) { return file.remove_user(call.parameter, call.actor).map(done_response); });
}

void AccountApi::list_tokens(AccountCall& call) {
  const auto all = accounts().directory();
  std::vector<ApiToken> tokens;
  for (const auto& [hash, token] : all->tokens) {
    if (token.user == call.identity->user_id || call.identity->role == Role::admin) tokens.push_back(token);
  }
  std::ranges::sort(tokens, {}, &ApiToken::id);
  auto list = json::array();
  for (const auto& token : tokens) {
    const auto* const user = all->find(token.user);
    list.push_back(token_json(token, user != nullptr ? user->name : ""));
  }
  call.answer(json_response(200, {{"tokens", std::move(list)}}));
}

/// A token outlives the log-in, which somebody may have stolen: whoever makes one knows the password. A proxy's users need not have one
/// here.
void AccountApi::add_token(AccountCall& call) {
  AccountBody body(call.request, {"name", "scopes", "expires_days", "password"});
  NewToken token;
  token.user = call.identity->user;
  token.name = body.text("name", 1, longest_token_name);
  token.scopes = read_scopes(body);
  const auto days = body.number("expires_days", 1, longest_days);
  const bool by_proxy = call.identity->by == Identity::By::forward_auth;
  const auto password = by_proxy ? std::string() : body.text("password", 1, longest_password);
  if (body.refusal()) return call.answer(*body.refusal());
  if (token.scopes.report && !call.identity->may_act_as(Role::operator_)) {
    return call.answer(error_response(403, "Access denied", "scopes: to report needs the role operator"));
  }
  if (days) token.expires = now() + std::chrono::hours{24 * *days};
  if (by_proxy) return make_token(call, token);
  with_password(call, password, [self = shared_from_this(), call, token](const User& user) {
    auto wanted = token;
    wanted.password = user.password;
    self->make_token(call, wanted);
  });
}

void AccountApi::make_token(const AccountCall& call, const NewToken& token) {
  change(call, [self = shared_from_this(), call, token](AccountFile& file) -> Result<Response> {
    const auto made = file.add_token(token, self->now(), call.actor);
    if (!made) return fail(made.error());
    auto answer = token_json(made->first, token.user);
    answer["token"] = made->second;
    return json_response(201, answer);
  });
}

void AccountApi::remove_token(AccountCall& call) {
  const auto id = number_of_path(call.parameter);
  if (!id) return call.answer(failed_response({Error::Kind::not_found, "There is no such token"}));
  const auto owner = call.identity->role == Role::admin ? std::nullopt : std::optional(call.identity->user_id);
  change(call, [call, id = *id, owner](AccountFile& file) { return file.remove_token(id, owner, call.actor).map(done_response); });
}

void AccountApi::list_audit(AccountCall& call) {
  Parameters parameters(call.request.query, {"limit", "cursor"});
  const auto limit = parameters.limit(usual_rows);
  const auto cursor = parameters.cursor().value_or(0);
  if (parameters.problem()) return call.answer(wrong_parameter(*parameters.problem()));
  change(call, [limit, cursor](AccountFile& file) -> Result<Response> {
    auto rows = file.audit(cursor, limit + 1);
    if (!rows) return fail(rows.error());
    const bool more = rows->size() > limit;
    if (more) rows->pop_back();
    auto list = json::array();
    for (const auto& row : *rows) {
      list.push_back({{"id", row.id},
                      {"at", to_rfc3339(row.at)},
                      {"who", row.who},
                      {"address", row.address},
                      {"action", row.action},
                      {"target", row.target}});
    }
    json answer{{"audit", std::move(list)}};
    if (more) answer["next"] = fmt::format("{}", rows->back().id);
    return json_response(200, answer);
  });
}

}  // namespace vpn_sentinel
