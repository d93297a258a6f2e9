#include "hub/alert/watch.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <utility>

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

std::int64_t number_of(WallTime time) { return time.time_since_epoch().count(); }
WallTime time_of(const json& number) { return WallTime{std::chrono::microseconds{number.get<std::int64_t>()}}; }

json notice_json(const Notice& notice) { return json::parse(to_text(notice), nullptr, false); }

/// Throws json::exception when it is none.
Notice notice_of_json(const json& object) {
  auto notice = parse_notice(object.dump(-1, ' ', false, json::error_handler_t::replace));
  if (!notice) throw json::other_error::create(501, "no notice", nullptr);
  return std::move(*notice);
}

void put_time(json& object, const char* name, const std::optional<WallTime>& time) {
  if (time) object[name] = number_of(*time);
}

std::optional<WallTime> read_time(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? std::nullopt : std::optional(time_of(*found));
}

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

std::string to_text(const Watch& watch) {
  json object{{"rule", watch.rule},
              {"subject", watch.subject},
              {"group", watch.group},
              {"news", watch.is_news},
              {"holds", watch.holds},
              {"told", watch.told},
              {"worst", to_string(watch.worst)},
              {"acknowledged", watch.acknowledged},
              {"escalated", watch.escalated}};
  if (watch.pending) {
    object["pending"] = notice_json(watch.pending->notice);
    object["due"] = number_of(watch.pending->due);
  }
  if (watch.last) object["last"] = notice_json(*watch.last);
  put_time(object, "remind_at", watch.remind_at);
  put_time(object, "escalate_at", watch.escalate_at);
  for (const auto time : watch.times) object["times"].push_back(number_of(time));
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Watch> parse_watch(std::string_view text) {
  return read_object<Watch>(text, [](const json& object) {
    Watch watch;
    watch.rule = object.at("rule").get<std::string>();
    watch.subject = object.at("subject").get<std::string>();
    watch.group = object.at("group").get<std::string>();
    watch.is_news = object.at("news").get<bool>();
    watch.holds = object.at("holds").get<bool>();
    watch.told = object.at("told").get<bool>();
    watch.worst = parse_state(object.at("worst").get<std::string>()).value_or(State::danger);
    watch.acknowledged = object.at("acknowledged").get<bool>();
    watch.escalated = object.at("escalated").get<bool>();
    if (object.contains("pending")) watch.pending = PendingNotice{notice_of_json(object.at("pending")), time_of(object.at("due"))};
    if (object.contains("last")) watch.last = notice_of_json(object.at("last"));
    watch.remind_at = read_time(object, "remind_at");
    watch.escalate_at = read_time(object, "escalate_at");
    if (object.contains("times")) {
      for (const auto& time : object.at("times")) watch.times.push_back(time_of(time));
    }
    return watch;
  });
}

std::string to_text(const NoticeBatch& batch) {
  json object{{"rule", batch.rule},         {"due", number_of(batch.due)},       {"begun", number_of(batch.begun)},
              {"channels", batch.channels}, {"first", notice_json(batch.first)}, {"clients", batch.clients},
              {"more", batch.more}};
  for (const auto& notice : batch.few) object["few"].push_back(notice_json(notice));
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<NoticeBatch> parse_batch(std::string_view text) {
  return read_object<NoticeBatch>(text, [](const json& object) {
    NoticeBatch batch;
    batch.rule = object.at("rule").get<std::string>();
    batch.due = time_of(object.at("due"));
    batch.begun = read_time(object, "begun").value_or(WallTime{});
    batch.channels = object.at("channels").get<std::vector<std::string>>();
    batch.first = notice_of_json(object.at("first"));
    batch.clients = object.at("clients").get<std::vector<std::string>>();
    batch.more = object.at("more").get<std::size_t>();
    if (object.contains("few")) {
      for (const auto& notice : object.at("few")) batch.few.push_back(notice_of_json(notice));
    }
    return batch;
  });
}

}  // namespace vpn_sentinel
