#include "hub/http/care_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "hub/http/account_body.hpp"
#include "hub/http/negotiation.hpp"
#include "hub/http/parameters.hpp"
#include "hub/http/reply.hpp"
#include "hub/state/care.hpp"
#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t longest_reason = 500;
constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_time = 40;
constexpr std::chrono::hours longest_window{24 * 366};

Response failed(const Error& error) {
  switch (error.kind) {
    case Error::Kind::not_found:
      return error_response(404, "Not found", error.message);
    case Error::Kind::invalid:
      return error_response(409, "Conflict", error.message);
    case Error::Kind::no_space:
      return error_response(507, "Insufficient storage", "The disk is full");
    default:
      return unavailable_response("The store cannot be used; the hub's log says why", "5");
  }
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

bool is_subject(std::string_view subject) {
  const auto group = group_client_id("");
  if (subject.starts_with(group)) return is_valid_group(subject.substr(group.size()));
  return is_valid_client_id(subject);
}

bool is_pattern(std::string_view pattern) {
  std::string plain(pattern);
  std::ranges::replace_if(plain, [](char c) { return c == '*' || c == '?'; }, 'x');
  return is_subject(plain);
}

/// One change that was found to be allowed and right.
struct Wanted {
  CareOrder order;
  std::string action;  ///< of the audit log
  std::string target;
  int status = 200;
};

class CareApi : public std::enable_shared_from_this<CareApi> {
 public:
  CareApi(std::shared_ptr<const AccountDoor> door, Engine& engine) : door_(std::move(door)), engine_(engine) {}

  void acknowledge(const Request& request, std::string_view id, const Respond& respond) {
    AccountBody body(request, {"note"});
    auto note = body.optional_text("note", 1, IncidentComment::longest).value_or("");
    if (body.refusal()) return respond(*body.refusal());
    with_incident(id, respond, [&](std::int64_t incident) {
      const Acknowledgement acknowledgement{who(request), now(), std::move(note)};
      carry_out(request, {AcknowledgeOrder{incident, acknowledgement}, "incident_acknowledged", std::string(id)}, respond);
    });
  }

  void take_back(const Request& request, std::string_view id, const Respond& respond) {
    with_incident(id, respond, [&](std::int64_t incident) {
      carry_out(request, {AcknowledgeOrder{incident, std::nullopt}, "incident_acknowledgement_removed", std::string(id)}, respond);
    });
  }

  void comment(const Request& request, std::string_view id, const Respond& respond) {
    AccountBody body(request, {"text"});
    auto text = body.lines("text", 1, IncidentComment::longest);
    if (body.refusal()) return respond(*body.refusal());
    with_incident(id, respond, [&](std::int64_t incident) {
      const CommentOrder order{incident, {0, now(), who(request), std::move(text)}};
      carry_out(request, {order, "incident_commented", std::string(id), 201}, respond);
    });
  }

  void mute(const Request& request, std::string_view path, const Respond& respond) {
    AccountBody body(request, {"minutes", "reason"});
    const auto minutes = body.number("minutes", 1, Mute::longest_minutes);
    auto reason = body.optional_text("reason", 1, longest_reason).value_or("");
    const auto subject = percent_decoded(path).value_or("");
    if (!is_subject(subject)) body.refuse("subject", "a client id, or group:NAME");
    if (body.refusal()) return respond(*body.refusal());
    const auto begin = now();
    Mute wish{subject, std::nullopt, who(request), begin, std::move(reason)};
    if (minutes) wish.until = begin + std::chrono::minutes{*minutes};
    carry_out(request, {MuteOrder{std::move(wish)}, "muted", subject}, respond);
  }

  void unmute(const Request& request, std::string_view path, const Respond& respond) {
    const auto subject = percent_decoded(path).value_or("");
    carry_out(request, {UnmuteOrder{subject}, "unmuted", subject.substr(0, longest_reason)}, respond);
  }

  void announce(const Request& request, const Respond& respond) {
    AccountBody body(request, {"name", "clients", "from", "to", "reason"});
    MaintenanceWindow window;
    window.name = body.text("name", 1, longest_name);
    window.clients = body.texts("clients", MaintenanceWindow::most_patterns);
    if (window.clients.empty() || !std::ranges::all_of(window.clients, is_pattern)) {
      body.refuse("clients", "one or more client ids or group:NAME, with * and ? as wildcards");
    }
    window.from = time_of(body, "from");
    window.to = time_of(body, "to");
    window.reason = body.optional_text("reason", 1, longest_reason).value_or("");
    window.by = who(request);
    if (window.to <= window.from || window.to <= now()) body.refuse("to", "a time after `from` that is not past");
    if (window.to - window.from > longest_window) body.refuse("to", "at most 366 days after `from`");
    if (body.refusal()) return respond(*body.refusal());
    auto name = window.name;
    carry_out(request, {MaintenanceOrder{std::move(window)}, "maintenance_announced", std::move(name), 201}, respond);
  }

  void end_maintenance(const Request& request, std::string_view id, const Respond& respond) {
    const auto number = number_of(id);
    if (!number) return respond(error_response(404, "Not found", "There is no such maintenance window"));
    carry_out(request, {EndMaintenanceOrder{*number}, "maintenance_ended", std::string(id)}, respond);
  }

  void list_mutes(const Request& request, Respond respond) {
    list(KeptKind::mute, negotiated(request, std::move(respond)), [time = now()](const std::vector<Kept>& rows) {
      auto mutes = json::array();
      for (const auto& row : rows) {
        const auto each = parse_mute(row.json);
        if (each && (!each->until || *each->until > time)) mutes.push_back(to_json(*each));
      }
      return json{{"mutes", std::move(mutes)}};
    });
  }

  void list_maintenance(const Request& request, Respond respond) {
    list(KeptKind::maintenance, negotiated(request, std::move(respond)), [time = now()](const std::vector<Kept>& rows) {
      std::vector<MaintenanceWindow> windows;
      for (const auto& row : rows) {
        auto each = parse_maintenance(row.json);
        if (each && each->to > time) windows.push_back(std::move(*each));
      }
      std::ranges::sort(windows, {}, [](const auto& each) { return std::pair(each.from, each.id); });
      auto list = json::array();
      for (const auto& each : windows) list.push_back(to_json(each));
      return json{{"maintenance", std::move(list)}};
    });
  }

 private:
  [[nodiscard]] WallTime now() const { return door_->accounts.options().now(); }
  /// The gate has noted him.
  static std::string who(const Request& request) { return request.caller.identity ? request.caller.identity->user : "-"; }

  static WallTime time_of(AccountBody& body, const char* name) {
    const auto time = parse_rfc3339(body.text(name, 1, longest_time));
    if (!time) body.refuse(name, "a time as 2026-11-21T10:15:30Z");
    return time.value_or(WallTime{});
  }

  template <typename Act>
  static void with_incident(std::string_view id, const Respond& respond, Act act) {
    const auto number = number_of(id);
    if (!number) return respond(error_response(404, "Not found", "There is no such incident"));
    act(*number);
  }

  void carry_out(const Request& request, Wanted wanted, const Respond& respond) {
    const Actor actor{who(request), request.source()};
    auto done = [self = shared_from_this(), actor, respond, action = std::move(wanted.action), target = std::move(wanted.target),
                 status = wanted.status](const Result<json>& answer) {
      if (answer) self->note(actor, action, target);
      respond(answer ? json_response(status, *answer) : failed(answer.error()));
    };
    if (!engine_.care(std::move(wanted.order), std::move(done))) respond(unavailable_response("Too many changes are waiting", "1"));
  }

  void note(const Actor& actor, const std::string& action, const std::string& target) {
    static_cast<void>(door_->accounts.change([actor, action, target](AccountFile& file) -> Accounts::Reply {
      static_cast<void>(file.note(actor, action, target));
      return {};
    }));
  }

  template <typename Make>
  void list(KeptKind kind, const Respond& respond, Make make) {
    const bool asked = engine_.query([kind, respond, make](StoreReader& reader) {
      const auto rows = reader.kept(kind);
      respond(rows ? json_response(200, make(*rows)) : failed(rows.error()));
    });
    if (!asked) respond(unavailable_response("Too many questions are waiting", "1"));
  }

  const std::shared_ptr<const AccountDoor> door_;
  Engine& engine_;
};

}  // namespace

Service care_service(const std::shared_ptr<const AccountDoor>& door, Engine& engine, const std::string& prefix, std::vector<Gate> gates,
                     const Gate& to_read) {
  const auto router = std::make_shared<Router>();
  const auto api = std::make_shared<CareApi>(door, engine);
  const auto add = [&](const char* method, const char* path, auto act) {
    router->add(method, prefix + path, [api, act](const Request& request, std::string_view parameter, Respond respond) {
      act(*api, request, parameter, std::move(respond));
    });
  };
  using Text = std::string_view;
  add("POST", "/incidents/{id}/acknowledge", [](CareApi& care, const Request& r, Text id, Respond a) { care.acknowledge(r, id, a); });
  add("DELETE", "/incidents/{id}/acknowledge", [](CareApi& care, const Request& r, Text id, Respond a) { care.take_back(r, id, a); });
  add("POST", "/incidents/{id}/comments", [](CareApi& care, const Request& r, Text id, Respond a) { care.comment(r, id, a); });
  add("GET", "/mutes", [](CareApi& care, const Request& r, Text, Respond a) { care.list_mutes(r, std::move(a)); });
  add("PUT", "/mutes/{subject}", [](CareApi& care, const Request& r, Text subject, Respond a) { care.mute(r, subject, a); });
  add("DELETE", "/mutes/{subject}", [](CareApi& care, const Request& r, Text subject, Respond a) { care.unmute(r, subject, a); });
  add("GET", "/maintenance", [](CareApi& care, const Request& r, Text, Respond a) { care.list_maintenance(r, std::move(a)); });
  add("POST", "/maintenance", [](CareApi& care, const Request& r, Text, Respond a) { care.announce(r, a); });
  add("DELETE", "/maintenance/{id}", [](CareApi& care, const Request& r, Text id, Respond a) { care.end_maintenance(r, id, a); });
  gates.push_back(require_role_to_change(door, Role::operator_, to_read));
  return {router, std::move(gates)};
}

}  // namespace vpn_sentinel
