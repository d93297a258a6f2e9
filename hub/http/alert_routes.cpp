#include "hub/http/alert_routes.hpp"

#include <fmt/format.h>

#include <utility>

#include "hub/alert/notice.hpp"
#include "hub/alert/telegram_reply.hpp"
#include "hub/http/negotiation.hpp"
#include "hub/http/parameters.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// What was stored, as what people ask for: which message, about whom. A row of an older hub has its first line.
json shown(json row) {
  const auto text = row.value("text", std::string());
  row.erase("text");
  const auto notice = parse_notice(text);
  row["kind"] = notice ? to_string(notice->kind) : std::string_view("news");
  row["client_id"] = notice ? notice->client_id : std::string();
  row["title"] = notice ? notice->title : plain_text(text.substr(0, text.find('\n')));
  return row;
}

Response page_of(Page page) {
  json answer{{"alerts", json::array()}};
  for (auto& row : page.items) answer["alerts"].push_back(shown(std::move(row)));
  if (page.next) answer["next"] = fmt::format("{}", *page.next);
  return json_response(200, answer);
}

void answer_alerts(Engine& engine, const Request& request, const Respond& respond) {
  Parameters parameters(request.query, {"channel", "state", "limit", "cursor"});
  AlertQuery query;
  query.channel = parameters.channel("channel").value_or("");
  query.state = parameters.choice<AlertQuery::State>(
      "state",
      {{"waiting", AlertQuery::State::waiting}, {"delivered", AlertQuery::State::delivered}, {"given_up", AlertQuery::State::given_up}});
  query.cursor = parameters.cursor().value_or(0);
  query.most = parameters.limit(usual_page);
  if (parameters.problem()) return respond(wrong_parameter(*parameters.problem()));
  const bool asked = engine.query([query, respond](StoreReader& reader) {
    auto page = reader.alerts(query);
    if (page) return respond(page_of(std::move(*page)));
    const bool slow = page.error().kind == Error::Kind::timed_out;
    respond(unavailable_response(slow ? page.error().message : "The store cannot be read; the hub's log says why", "5"));
  });
  if (!asked) respond(unavailable_response("Too many questions are waiting", "1"));
}

Response channels_response(const std::vector<ChannelStanding>& channels) {
  auto list = json::array();
  for (const auto& channel : channels) {
    list.push_back({{"name", channel.name},
                    {"kind", channel.kind},
                    {"on", true},
                    {"waiting", channel.waiting},
                    {"failing", channel.failing},
                    {"last_error", channel.last_error},
                    {"delivered", channel.delivered},
                    {"failures", channel.failures},
                    {"given_up", channel.given_up}});
  }
  return json_response(200, {{"channels", std::move(list)}});
}

}  // namespace

void add_alert_routes(Router& router, const std::string& prefix, Engine& engine, std::function<std::vector<ChannelStanding>()> channels) {
  router.add("GET", prefix + "/alerts", [&engine](const Request& request, std::string_view, Respond respond) {
    answer_alerts(engine, request, negotiated(request, std::move(respond)));
  });
  router.add("GET", prefix + "/channels", [channels = std::move(channels)](const Request& request, std::string_view, Respond respond) {
    negotiated(request, std::move(respond))(channels_response(channels()));
  });
}

}  // namespace vpn_sentinel
