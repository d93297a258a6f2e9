#include "hub/state/care.hpp"

#include <utility>

#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

json time_or_null(const std::optional<WallTime>& time) { return time ? json(to_rfc3339(*time)) : json(nullptr); }

std::optional<WallTime> read_time(const json& object, const char* name) {
  const auto time = parse_rfc3339(object.at(name).get<std::string>());
  return time ? std::optional(*time) : std::nullopt;
}

/// Nullopt when `read` finds something missing or of another type.
template <typename T, typename Read>
std::optional<T> read_object(std::string_view text, Read read) {
  const auto object = json::parse(text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  try {
    return read(object);
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

json to_json(const std::optional<Acknowledgement>& acknowledgement) {
  if (!acknowledgement) return nullptr;
  json object{{"by", acknowledgement->by}, {"at", to_rfc3339(acknowledgement->at)}};
  if (!acknowledgement->note.empty()) object["note"] = acknowledgement->note;
  return object;
}

json to_json(const IncidentComment& comment) {
  return {{"id", comment.id}, {"at", to_rfc3339(comment.at)}, {"by", comment.by}, {"text", comment.text}};
}

json to_json(const Mute& mute) {
  return {{"subject", mute.subject},
          {"until", time_or_null(mute.until)},
          {"by", mute.by},
          {"at", to_rfc3339(mute.at)},
          {"reason", mute.reason}};
}

json to_json(const MaintenanceWindow& window) {
  return {{"id", window.id},
          {"name", window.name},
          {"clients", window.clients},
          {"from", to_rfc3339(window.from)},
          {"to", to_rfc3339(window.to)},
          {"reason", window.reason},
          {"by", window.by}};
}

std::optional<Mute> parse_mute(std::string_view text) {
  return read_object<Mute>(text, [](const json& object) -> std::optional<Mute> {
    Mute mute;
    mute.subject = object.at("subject").get<std::string>();
    if (!object.at("until").is_null()) mute.until = read_time(object, "until");
    // A mute without its end would last for ever.
    if (mute.until.has_value() == object.at("until").is_null()) return std::nullopt;
    mute.by = object.at("by").get<std::string>();
    mute.at = read_time(object, "at").value_or(WallTime{});
    mute.reason = object.at("reason").get<std::string>();
    return mute;
  });
}

std::optional<MaintenanceWindow> parse_maintenance(std::string_view text) {
  return read_object<MaintenanceWindow>(text, [](const json& object) -> std::optional<MaintenanceWindow> {
    MaintenanceWindow window;
    window.id = object.at("id").get<std::int64_t>();
    window.name = object.at("name").get<std::string>();
    window.clients = object.at("clients").get<std::vector<std::string>>();
    const auto from = read_time(object, "from");
    const auto to = read_time(object, "to");
    if (!from || !to) return std::nullopt;
    window.from = *from;
    window.to = *to;
    window.reason = object.at("reason").get<std::string>();
    window.by = object.at("by").get<std::string>();
    return window;
  });
}

std::optional<Acknowledgement> parse_acknowledgement(const json& object) {
  if (!object.is_object() || !object.contains("by") || !object["by"].is_string()) return std::nullopt;
  Acknowledgement acknowledgement;
  acknowledgement.by = object["by"].get<std::string>();
  if (object.contains("at") && object["at"].is_string()) {
    acknowledgement.at = read_time(object, "at").value_or(WallTime{});
  }
  if (object.contains("note") && object["note"].is_string()) acknowledgement.note = object["note"].get<std::string>();
  return acknowledgement;
}

/// Goes back to the last star only, so that no pattern takes longer than its length times that of the text.
bool matches_pattern(std::string_view pattern, std::string_view text) noexcept {
  std::size_t at = 0;
  std::size_t next = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (at < text.size()) {
    if (next < pattern.size() && pattern[next] == '*') {
      star = next++;
      resume = at;
    } else if (next < pattern.size() && (pattern[next] == '?' || pattern[next] == text[at])) {
      ++next;
      ++at;
    } else if (star != std::string_view::npos) {
      next = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (next < pattern.size() && pattern[next] == '*') ++next;
  return next == pattern.size();
}

const Mute* Care::mute_of(const std::string& client_id, const std::string& group, WallTime now) const {
  const auto in_force = [&](const std::string& subject) -> const Mute* {
    const auto found = mutes.find(subject);
    const bool holds = found != mutes.end() && (!found->second.until || *found->second.until > now);
    return holds ? &found->second : nullptr;
  };
  const auto* own = in_force(client_id);
  return own != nullptr || group.empty() ? own : in_force(group_client_id(group));
}

const MaintenanceWindow* Care::window_of(const std::string& client_id, WallTime now) const {
  for (const auto& [id, window] : windows) {
    if (now < window.from || now >= window.to) continue;
    for (const auto& pattern : window.clients) {
      if (matches_pattern(pattern, client_id)) return &window;
    }
  }
  return nullptr;
}

}  // namespace vpn_sentinel
