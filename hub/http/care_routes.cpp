#include "hub/http/care_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "hub/http/account_body.hpp"
#include "hub/http/care_call.hpp"
#include "hub/http/negotiation.hpp"
#include "hub/http/reply.hpp"
#include "hub/state/care.hpp"
#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t longest_reason = 500;
constexpr std::size_t longest_window_name = 64;
constexpr std::size_t longest_time = 40;
constexpr std::chrono::hours longest_window{24 * 366};

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
  std::ranges::replace_if(
      plain, [](char c) { return c == '*' || c == '?'; }, 'x');
  return is_subject(plain);
}

class CareApi {
 public:
  CareApi(std::shared_ptr<const AccountDoor> door, Engine& engine, FileWindows file_windows)
      : door_(std::move(door)), engine_(engine), file_windows_(std::move(file_windows)) {}

  void acknowledge(const Request& request, std::string_view id, const Respond& respond) {
    AccountBody body(request, {"note"});
    auto note = body.optional_text("note", 1, IncidentComment::longest).value_or("");
    if (body.refusal()) return respond(*body.refusal());
    with_incident(id, respond, [&](std::int64_t incident) {
      const Acknowledgement acknowledgement{care_actor(request).who, now(), std::move(note)};
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
      const CommentOrder order{incident, {0, now(), care_actor(request).who, std::move(text)}};
      carry_out(request, {order, "incident_commented", std::string(id), 201}, respond);
    });
  }

  void mute(const Request& request, std::string_view subject, const Respond& respond) {
    AccountBody body(request, {"minutes", "reason"});
    const auto minutes = body.number("minutes", 1, Mute::longest_minutes);
    auto reason = body.optional_text("reason", 1, longest_reason).value_or("");
    if (!is_subject(subject)) body.refuse("subject", "a client id, or group:NAME");
    if (body.refusal()) return respond(*body.refusal());
    const auto begin = now();
    Mute wish{std::string(subject), std::nullopt, care_actor(request).who, begin, std::move(reason)};
    if (minutes) wish.until = begin + std::chrono::minutes{*minutes};
    carry_out(request, {MuteOrder{std::move(wish)}, "muted", std::string(subject)}, respond);
  }

  void unmute(const Request& request, std::string_view subject, const Respond& respond) {
    carry_out(request, {UnmuteOrder{std::string(subject)}, "unmuted", std::string(subject.substr(0, longest_reason))}, respond);
  }

  void announce(const Request& request, const Respond& respond) {
    AccountBody body(request, {"name", "clients", "from", "to", "reason"});
    MaintenanceWindow window;
    window.name = body.text("name", 1, longest_window_name);
    window.clients = body.texts("clients", MaintenanceWindow::most_patterns);
    if (window.clients.empty() || !std::ranges::all_of(window.clients, is_pattern)) {
      body.refuse("clients", "one or more client ids or group:NAME, with * and ? as wildcards");
    }
    window.from = time_of(body, "from");
    window.to = time_of(body, "to");
    window.reason = body.optional_text("reason", 1, longest_reason).value_or("");
    window.by = care_actor(request).who;
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
    list(KeptKind::maintenance, negotiated(request, std::move(respond)),
         [time = now(), of_file = file_windows_ ? file_windows_() : json::array()](const std::vector<Kept>& rows) {
           std::vector<MaintenanceWindow> windows;
           for (const auto& row : rows) {
             auto each = parse_maintenance(row.json);
             if (each && each->to > time) windows.push_back(std::move(*each));
           }
           std::ranges::sort(windows, {}, [](const auto& each) { return std::pair(each.from, each.id); });
           auto list = of_file;
           for (const auto& each : windows) list.push_back(to_json(each));
           return json{{"maintenance", std::move(list)}};
         });
  }

 private:
  [[nodiscard]] WallTime now() const { return door_->accounts.options().now(); }
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

  void carry_out(const Request& request, CareWish wish, const Respond& respond) const {
    vpn_sentinel::carry_out(*door_, engine_, request, std::move(wish), respond);
  }

  template <typename Make>
  void list(KeptKind kind, const Respond& respond, Make make) {
    const bool asked = engine_.query([kind, respond, make](StoreReader& reader) {
      const auto rows = reader.kept(kind);
      respond(rows ? json_response(200, make(*rows)) : care_refusal(rows.error()));
    });
    if (!asked) respond(unavailable_response("Too many questions are waiting", "1"));
  }

  const std::shared_ptr<const AccountDoor> door_;
  Engine& engine_;
  const FileWindows file_windows_;
};

}  // namespace

Service care_service(const std::shared_ptr<const AccountDoor>& door, Engine& engine, const std::string& prefix, std::vector<Gate> gates,
                     const Gate& to_read, FileWindows file_windows) {
  const auto router = std::make_shared<Router>();
  const auto api = std::make_shared<CareApi>(door, engine, std::move(file_windows));
  const auto add = [&](const char* method, const char* path, auto act) {
    router->add(method, prefix + path, [api, act](const Request& request, std::string_view parameter, Respond respond) {
      act(*api, request, parameter, std::move(respond));
    });
  };
  using Text = std::string_view;
  add("POST", "/incidents/{id}/acknowledge",
      [](CareApi& care, const Request& r, Text id, const Respond& a) { care.acknowledge(r, id, a); });
  add("DELETE", "/incidents/{id}/acknowledge",
      [](CareApi& care, const Request& r, Text id, const Respond& a) { care.take_back(r, id, a); });
  add("POST", "/incidents/{id}/comments", [](CareApi& care, const Request& r, Text id, const Respond& a) { care.comment(r, id, a); });
  add("GET", "/mutes", [](CareApi& care, const Request& r, Text, Respond a) { care.list_mutes(r, std::move(a)); });
  add("PUT", "/mutes/{subject}", [](CareApi& care, const Request& r, Text subject, const Respond& a) { care.mute(r, subject, a); });
  add("DELETE", "/mutes/{subject}", [](CareApi& care, const Request& r, Text subject, const Respond& a) { care.unmute(r, subject, a); });
  add("GET", "/maintenance", [](CareApi& care, const Request& r, Text, Respond a) { care.list_maintenance(r, std::move(a)); });
  add("POST", "/maintenance", [](CareApi& care, const Request& r, Text, const Respond& a) { care.announce(r, a); });
  add("DELETE", "/maintenance/{id}", [](CareApi& care, const Request& r, Text id, const Respond& a) { care.end_maintenance(r, id, a); });
  gates.push_back(require_role_to_change(door, Role::operator_, to_read));
  return {router, std::move(gates)};
}

}  // namespace vpn_sentinel
