// The keys of probes, and the codes with which new probes fetch theirs.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/http/account_api.hpp"
#include "hub/http/keyring.hpp"
#include "hub/http/reply.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t longest_id = 128;
constexpr std::size_t longest_enrolment_code = 64;
constexpr std::int64_t usual_minutes = 60;
constexpr std::int64_t most_minutes = 10'080;

json grant_json(const KeyGrant& grant) {
  json shown{{"name", grant.name}, {"clients", grant.clients}, {"read", grant.may_read}};
  if (grant.groups) shown["groups"] = *grant.groups;
  return shown;
}

json key_json(const ClientKey& key) {
  auto shown = grant_json(key.grant);
  shown["created"] = to_rfc3339(key.created);
  return shown;
}

json enrolment_json(const Enrolment& enrolment) {
  return {{"id", enrolment.id},
          {"client_id", enrolment.client_id},
          {"group", enrolment.group},
          {"created_by", enrolment.created_by},
          {"created", to_rfc3339(enrolment.created)},
          {"expires", to_rfc3339(enrolment.expires)}};
}

KeyGrant read_grant(AccountBody& body) {
  KeyGrant grant{body.text("name", 1, longest_key_name), body.texts("clients", most_key_patterns), body.flag("read")};
  if (!is_valid_key_name(grant.name)) body.refuse("name", "1-64 characters out of A-Z a-z 0-9 . _ -");
  if (!std::ranges::all_of(grant.clients, [](const auto& each) { return is_valid_client_pattern(each); })) {
    body.refuse("clients", "client ids, or beginnings of ids followed by '*'");
  }
  if (grant.clients.empty() && !grant.may_read) body.refuse("clients", "at least one, or read to be true");
  return grant;
}

/// A token makes no key that may do more than itself. Nullopt: it may, as may whoever has logged in.
std::optional<Response> refuse_more_than_own(const Identity& identity, const KeyGrant& grant) {
  if (identity.by != Identity::By::token) return std::nullopt;
  if (grant.may_read && !identity.scopes.read) {
    return error_response(403, "Access denied", "read: a key that reads needs of a token the scope read");
  }
  if (!grant.clients.empty() && !identity.scopes.report) {
    return error_response(403, "Access denied", "clients: a key that reports needs of a token the scope report");
  }
  return std::nullopt;
}

/// The key that an enrolled probe gets: named as its client, for itself alone, and in its group alone. A client that is called like the
/// group is somebody else.
KeyGrant grant_for(const Enrolment& enrolment) {
  KeyGrant grant{enrolment.client_id, {enrolment.client_id}, false, std::vector<std::string>{}};
  if (!enrolment.group.empty()) grant.groups->push_back(enrolment.group);
  return grant;
}

/// Whether there is a key that gives way to the one of an enrolled probe. An Error when that one lets do more than this client's probe
/// needs: its holders would be refused from then on.
Result<bool> replaces_key(const KeyAdmin& admin, const std::string& client_id) {
  const auto keys = admin.list();
  if (!keys) return fail(keys.error());
  const auto old = std::ranges::find(*keys, client_id, [](const ClientKey& each) { return each.grant.name; });
  if (old == keys->end()) return false;
  if (!old->grant.may_read && old->grant.clients == std::vector{client_id}) return true;
  return fail(
      Error::Kind::invalid,
      fmt::format("There is a key '{}' that is for other clients, or reads; revoke it first, or choose another client id", client_id));
}

}  // namespace

void AccountApi::list_keys(AccountCall& call) {
  change(call, [list = keys_.list](AccountFile&) -> Result<Response> {
    const auto keys = list();
    if (!keys) return fail(keys.error());
    auto all = json::array();
    for (const auto& key : *keys) all.push_back(key_json(key));
    return json_response(200, {{"keys", std::move(all)}});
  });
}

void AccountApi::add_key(AccountCall& call) {
  AccountBody body(call.request, {"name", "clients", "read"});
  const auto grant = read_grant(body);
  if (body.refusal()) return call.answer(*body.refusal());
  if (auto refused = refuse_more_than_own(*call.identity, grant)) return call.answer(std::move(*refused));
  change(call, [call, grant, add = keys_.add](AccountFile& file) -> Result<Response> {
    const auto key = add(grant);
    if (!key) return fail(key.error());
    if (auto noted = file.note(call.actor, "key_added", grant.name); !noted) return fail(noted.error());
    auto answer = grant_json(grant);
    answer["key"] = *key;
    return json_response(201, answer);
  });
}

void AccountApi::rotate_key(AccountCall& call) {
  const AccountBody body(call.request, {});
  if (body.refusal()) return call.answer(*body.refusal());
  change(call, [call, list = keys_.list, rotate = keys_.rotate](AccountFile& file) -> Result<Response> {
    const auto keys = list();
    if (!keys) return fail(keys.error());
    const auto old = std::ranges::find(*keys, call.parameter, [](const ClientKey& each) { return each.grant.name; });
    if (old != keys->end()) {
      if (auto refused = refuse_more_than_own(*call.identity, old->grant)) return *refused;
    }
    const auto key = rotate(call.parameter);
    if (!key) return fail(key.error());
    if (auto noted = file.note(call.actor, "key_rotated", call.parameter); !noted) return fail(noted.error());
    return json_response(200, {{"name", call.parameter}, {"key", *key}});
  });
}

void AccountApi::revoke_key(AccountCall& call) {
  change(call, [call, revoke = keys_.revoke](AccountFile& file) {
    return revoke(call.parameter).and_then([&] { return file.note(call.actor, "key_revoked", call.parameter); }).map(done_response);
  });
}

void AccountApi::list_enrolments(AccountCall& call) {
  auto open = json::array();
  for (const auto& enrolment : accounts().directory()->enrolments) {
    if (now() < enrolment.expires) open.push_back(enrolment_json(enrolment));
  }
  call.answer(json_response(200, {{"enrolments", std::move(open)}}));
}

void AccountApi::add_enrolment(AccountCall& call) {
  AccountBody body(call.request, {"client_id", "group", "valid_minutes"});
  NewEnrolment enrolment;
  enrolment.client_id = body.text("client_id", 1, longest_id);
  enrolment.group = body.optional_text("group", 0, longest_id).value_or("");
  const auto minutes = body.number("valid_minutes", 1, most_minutes);
  if (!is_valid_client_id(enrolment.client_id) || !is_valid_key_name(enrolment.client_id)) {
    body.refuse("client_id", "a client id of at most 64 characters");
  }
  if (!enrolment.group.empty() && !is_valid_client_id(enrolment.group)) body.refuse("group", "the name of a group, as in client ids");
  if (body.refusal()) return call.answer(*body.refusal());
  const KeyGrant grant{enrolment.client_id, {enrolment.client_id}, false};
  if (auto refused = refuse_more_than_own(*call.identity, grant)) return call.answer(std::move(*refused));
  enrolment.expires = now() + std::chrono::minutes{minutes.value_or(usual_minutes)};
  change(call, [self = shared_from_this(), call, enrolment](AccountFile& file) -> Result<Response> {
    if (const auto replaces = replaces_key(self->keys_, enrolment.client_id); !replaces) return fail(replaces.error());
    const auto made = file.add_enrolment(enrolment, self->now(), call.actor);
    if (!made) return fail(made.error());
    auto answer = enrolment_json(made->first);
    answer["code"] = made->second;
    return json_response(201, answer);
  });
}

void AccountApi::remove_enrolment(AccountCall& call) {
  const auto id = number_of_path(call.parameter);
  if (!id) return call.answer(failed_response({Error::Kind::not_found, "There is no such enrolment"}));
  change(call, [call, id = *id](AccountFile& file) { return file.remove_enrolment(id, call.actor).map(done_response); });
}

/// A probe that was installed anew gets a new key in the place of its old one: whoever made the code wanted that. A key for others that has
/// come since is looked for again.
void AccountApi::enrol(AccountCall& call) {
  AccountBody body(call.request, {"code"});
  const auto code = body.text("code", 1, longest_enrolment_code);
  if (body.refusal()) return call.answer(*body.refusal());
  if (brake(call)) return;
  change(call, [self = shared_from_this(), call, code](AccountFile& file) -> Result<Response> {
    std::string key;
    const auto look = [&](const Enrolment& enrolment) { return replaces_key(self->keys_, enrolment.client_id); };
    const auto use = [&](const Enrolment& enrolment) {
      return self->keys_.put(grant_for(enrolment)).map([&key](std::string made) { key = std::move(made); });
    };
    const auto enrolment = file.redeem(code, self->now(), call.actor, look, use);
    if (!enrolment) return fail(enrolment.error());
    if (*enrolment) return json_response(200, {{"client_id", (*enrolment)->client_id}, {"group", (*enrolment)->group}, {"key", key}});
    self->failed(call, "");
    return error_response(403, "Access denied", "code: unknown, used already, or too old; ask for another one");
  });
}

}  // namespace vpn_sentinel
