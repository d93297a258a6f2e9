#include "hub/http/account_routes.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "hub/http/account_api.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

constexpr TokenBuckets::Pace failure_line_pace{std::chrono::seconds{10}, 6};

Response too_many_failures(std::chrono::nanoseconds wait) {
  auto response =
      error_response(429, "Too many failed logins", "Too many wrong passwords or codes came from this address; try again later");
  const auto seconds = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count());
  response.headers.emplace_back("Retry-After", std::to_string(seconds));
  return response;
}

}  // namespace

Response done_response() { return json_response(200, {{"status", "ok"}}); }

Response failed_response(const Error& error) {
  switch (error.kind) {
    case Error::Kind::not_found:
      return error_response(404, "Not found", error.message);
    case Error::Kind::invalid:
      return error_response(409, "Conflict", error.message);
    case Error::Kind::no_space:
      return error_response(507, "Insufficient storage", "The disk is full");
    default:
      return unavailable_response("The accounts cannot be written; the hub's log says why", "5");
  }
}

std::optional<std::int64_t> number_of_path(const std::string& text) {
  std::int64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || number < 1) return std::nullopt;
  return number;
}

std::vector<AccountApi::Row> AccountApi::rows() {
  using Api = AccountApi;
  constexpr std::optional<Role> anybody;
  constexpr auto any = Means::any;
  constexpr auto no_token = Means::no_api_token;
  constexpr auto person = Means::person;
  return {
      {"GET", "/session", anybody, any, &Api::show_session},
      {"POST", "/setup", anybody, any, &Api::set_up},
      {"POST", "/login", anybody, any, &Api::log_in},
      {"POST", "/logout", Role::viewer, no_token, &Api::log_out},
      {"POST", "/session/password", Role::viewer, no_token, &Api::change_password},
      {"POST", "/session/totp", Role::viewer, no_token, &Api::begin_totp},
      {"POST", "/session/totp/confirm", Role::viewer, no_token, &Api::confirm_totp},
      {"POST", "/session/totp/remove", Role::viewer, no_token, &Api::remove_totp},
      {"GET", "/users", Role::admin, any, &Api::list_users},
      {"POST", "/users", Role::admin, person, &Api::add_user},
      {"PUT", "/users/{name}", Role::admin, person, &Api::change_user},
      {"DELETE", "/users/{name}", Role::admin, person, &Api::remove_user},
      {"GET", "/tokens", Role::viewer, any, &Api::list_tokens},
      {"POST", "/tokens", Role::viewer, person, &Api::add_token},
      {"DELETE", "/tokens/{id}", Role::viewer, any, &Api::remove_token},
      {"GET", "/keys", Role::operator_, any, &Api::list_keys},
      {"POST", "/keys", Role::operator_, any, &Api::add_key},
      {"POST", "/keys/{name}/rotate", Role::operator_, any, &Api::rotate_key},
      {"DELETE", "/keys/{name}", Role::operator_, any, &Api::revoke_key},
      {"GET", "/enrolments", Role::operator_, any, &Api::list_enrolments},
      {"POST", "/enrolments", Role::operator_, any, &Api::add_enrolment},
      {"DELETE", "/enrolments/{id}", Role::operator_, any, &Api::remove_enrolment},
      {"POST", "/enrol", anybody, any, &Api::enrol},
      {"GET", "/audit", Role::admin, any, &Api::list_audit},
      {"GET", "/logs", Role::operator_, any, &Api::list_log},
      {"POST", "/jwt", anybody, any, &Api::log_in_for_jwt},
      {"POST", "/jwt/refresh", anybody, any, &Api::refresh_jwt},
      {"POST", "/jwt/revoke", anybody, any, &Api::revoke_jwt},
  };
}

std::optional<Response> AccountApi::refuse(const Row& row, const AccountCall& call) const {
  if (!row.least) return std::nullopt;
  if (!call.identity) return log_in_required();
  if (auto refused = refuse_role(*call.identity, *row.least, row.method == "GET")) return refused;
  const auto by = call.identity->by;
  if (by == Identity::By::token && row.means != Means::any) {
    return error_response(403, "Access denied", "API tokens may not do this; log in");
  }
  if (by == Identity::By::jwt && row.means == Means::person) {
    return error_response(403, "Access denied", "Tokens may not do this; log in at the dashboard");
  }
  return row.method == "GET" ? std::nullopt : refuse_foreign_page(*call.identity, call.request);
}

void AccountApi::handle(const Row& row, const Request& request, std::string_view parameter, Respond respond) {
  AccountCall call{request,
                   std::string(parameter),
                   identify(*door_, request),
                   {"-", request.source()},
                   request.caller.address.value(),
                   is_secure(*door_, request),
                   is_open_to(*door_, request),
                   std::make_shared<const Respond>(std::move(respond))};
  if (call.identity) call.actor.who = call.identity->user;
  if (auto refused = refuse(row, call)) return call.answer(std::move(*refused));
  (this->*row.handler)(call);
}

Response AccountApi::session_response(const AccountCall& call, int status, const std::optional<Identity>& identity) const {
  const bool users = accounts().has_users();
  nlohmann::json json{{"user", nullptr}, {"csrf", nullptr}, {"setup_possible", !users}};
  json["state"] = users ? "login" : call.open ? "open" : !door_->password.empty() ? "basic" : "setup";
  if (identity) {
    json["state"] = "in";
    json["user"] = {
        {"name", identity->user}, {"role", to_string(identity->role)}, {"totp", identity->has_totp}, {"by", to_string(identity->by)}};
    if (!identity->csrf.empty()) json["csrf"] = identity->csrf;
  }
  return json_response(status, json);
}

void AccountApi::show_session(AccountCall& call) { call.answer(session_response(call, 200, call.identity)); }

void AccountApi::change(const AccountCall& call, std::function<Result<Response>(AccountFile&)> change) {
  const bool queued = accounts().change([respond = call.respond, change = std::move(change)](AccountFile& file) -> Accounts::Reply {
    auto done = change(file);
    auto response = done ? std::move(*done) : failed_response(done.error());
    return [respond, response = std::move(response)] { (*respond)(response); };
  });
  if (!queued) call.answer(unavailable_response("Too many changes are waiting", "1"));
}

void AccountApi::hash(const AccountCall& call, std::function<void()> job) {
  if (!accounts().hash(std::move(job))) call.answer(unavailable_response("Too many log-ins are waiting", "2"));
}

/// Unlike with keys nobody is let pass because he has logged in from there before: whoever shares his address could guess without end.
bool AccountApi::brake(const AccountCall& call) const {
  const auto& access = *door_->access;
  const auto wait = door_->access->dashboard_logins().wait(call.address, access.options().now());
  if (wait) call.answer(too_many_failures(*wait));
  return wait.has_value();
}

/// Failures are noted, too, but never so many that they push out all else.
void AccountApi::failed(const AccountCall& call, const std::string& user) {
  auto& access = *door_->access;
  const auto time = access.options().now();
  const bool worth_telling = access.dashboard_logins().failed(call.address, time);
  if (worth_telling && access.options().on_refused) access.options().on_refused("account", call.address);
  if (failure_lines_.take({0, 1}, failure_line_pace, 1, 0, time)) return;
  const auto name = is_valid_user_name(user) ? user : "";
  static_cast<void>(accounts().change([actor = call.actor, name](AccountFile& file) -> Accounts::Reply {
    static_cast<void>(file.note(actor, "log_in_failed", name));
    return {};
  }));
}

Service account_service(const std::shared_ptr<const AccountDoor>& door, const KeyAdmin& keys, const std::string& prefix,
                        std::vector<Gate> gates) {
  const auto router = std::make_shared<Router>();
  const auto api = std::make_shared<AccountApi>(door, keys);
  for (const auto& row : AccountApi::rows()) {
    router->add(std::string(row.method), prefix + std::string(row.path),
                [api, row](const Request& request, std::string_view parameter, Respond respond) {
                  api->handle(row, request, parameter, std::move(respond));
                });
  }
  return {router, std::move(gates)};
}

std::vector<AccountRoute> list_account_routes(const std::string& prefix) {
  std::vector<AccountRoute> all;
  for (const auto& row : AccountApi::rows()) all.push_back({std::string(row.method), prefix + std::string(row.path), row.least});
  return all;
}

}  // namespace vpn_sentinel
