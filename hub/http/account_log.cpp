// The hub's own log, for operators: its newest lines, and what came since.
#include <fmt/format.h>

#include <utility>

#include "hub/http/account_api.hpp"
#include "hub/http/parameters.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t usual_lines = 200;
constexpr std::size_t longest_text = 200;
constexpr std::int64_t largest_id = INT64_MAX - 1;

json line_json(const LogLine& line) {
  auto fields = json::array();
  for (const auto& [key, value] : line.fields) fields.push_back({{"name", key}, {"value", value}});
  return {
      {"id", line.id}, {"at", to_rfc3339(line.at)}, {"level", to_string(line.level)}, {"event", line.event}, {"fields", std::move(fields)}};
}

LogQuery read_query(Parameters& parameters) {
  LogQuery query;
  query.least =
      parameters
          .choice<LogLevel>(
              "level", {{"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warning", LogLevel::warning}, {"error", LogLevel::error}})
          .value_or(LogLevel::debug);
  query.text = parameters.text("text", longest_text).value_or("");
  query.before = static_cast<std::uint64_t>(parameters.cursor().value_or(0));
  query.after = static_cast<std::uint64_t>(parameters.number("after", 0, largest_id).value_or(0));
  query.most = parameters.limit(usual_lines);
  return query;
}

}  // namespace

/// Ids begin anew with each start of the hub, and `started` tells one start from the next.
void AccountApi::list_log(AccountCall& call) {
  Parameters parameters(call.request.query, {"level", "text", "limit", "cursor", "after"});
  const auto query = read_query(parameters);
  if (parameters.problem()) return call.answer(wrong_parameter(*parameters.problem()));
  if (door_->log == nullptr) return call.answer(failed_response({Error::Kind::not_found, "This hub keeps no log"}));
  const auto page = door_->log->find(query);
  auto lines = json::array();
  for (const auto& line : page.lines) lines.push_back(line_json(line));
  json answer{{"started", to_rfc3339(door_->log->started())}, {"lines", std::move(lines)}, {"lost", page.lost}};
  if (page.more) answer["next"] = fmt::format("{}", page.lines.back().id);
  call.answer(json_response(200, answer));
}

}  // namespace vpn_sentinel
