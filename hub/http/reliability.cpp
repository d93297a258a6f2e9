#include "hub/http/reliability.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "hub/accounts/secrets.hpp"
#include "hub/alert/reliability_report.hpp"
#include "hub/http/negotiation.hpp"
#include "hub/http/parameters.hpp"
#include "hub/http/reply.hpp"
#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

/// Days of a year and a bit.
constexpr std::size_t most_periods = 400;
constexpr std::chrono::days usual_range{30};

struct ReliabilityQuestion {
  std::optional<std::string> subject;  ///< nullopt: all clients
  std::vector<std::string> client_ids;
  std::vector<Stretch> periods;
  Stretch range;
  TimeZone zone = TimeZone::utc();
  std::optional<WallTime> hints_at;  ///< of one client
  std::optional<std::string> next;   ///< there are more clients: ask for those after this one
};

TimeZone read_zone(Parameters& parameters) { return parameters.value("zone", TimeZone::find).value_or(TimeZone::utc()); }

/// What has not been yet cannot have been reliable.
Stretch range_of(const TimeRange& asked, WallTime now) {
  const auto to = std::min(asked.to, now);
  const auto from = asked.from == WallTime::min() ? to - usual_range : std::max(asked.from, WallTime{});
  return {std::min(from, to), to};
}

void choose_clients(const Engine& engine, const std::string& after, std::size_t limit, ReliabilityQuestion& question) {
  for (const auto& client : engine.clients()) {
    if (client->client_id <= after) continue;
    if (question.client_ids.size() == limit) {
      question.next = question.client_ids.back();
      return;
    }
    question.client_ids.push_back(client->client_id);
  }
}

/// An Error: what is wrong with the question.
Result<ReliabilityQuestion> read_question(const Engine& engine, const Request& request, WallTime now) {
  Parameters parameters(request.query, {"client", "group", "from", "to", "period", "zone", "limit", "after"});
  const auto client = parameters.client_id("client");
  const auto group = parameters.group("group");
  const auto after = parameters.client_id("after").value_or("");
  const auto limit = parameters.limit(usual_page);
  const auto unit =
      parameters.choice<CalendarUnit>("period", {{"day", CalendarUnit::day}, {"week", CalendarUnit::week}, {"month", CalendarUnit::month}});
  ReliabilityQuestion question;
  question.range = range_of(parameters.range(), now);
  question.zone = read_zone(parameters);
  if (parameters.problem()) return fail(Error::Kind::invalid, *parameters.problem());
  if (client && group) return fail(Error::Kind::invalid, fmt::format("group = '{}': expected either client or group", *group));
  auto periods = unit ? question.zone.split(question.range, *unit, most_periods) : std::optional(std::vector{question.range});
  if (!periods)
    return fail(Error::Kind::invalid, fmt::format("period: expected a longer one, or a shorter time: at most {} periods", most_periods));
  for (const auto& period : *periods) question.periods.push_back(common(period, question.range));
  if (client) question.subject = *client;
  if (group) question.subject = std::string(group_prefix) + *group;
  if (client) question.hints_at = now;
  if (question.subject) question.client_ids = {*question.subject};
  if (!question.subject) choose_clients(engine, after, limit, question);
  return question;
}

Response answer_of(const ReliabilityQuestion& question, const std::vector<SubjectReliability>& subjects) {
  auto list = nlohmann::json::array();
  for (const auto& subject : subjects) {
    list.push_back(to_json(subject));
    if (!question.hints_at) continue;
    auto& hints = list.back()["hints"] = nlohmann::json::array();
    for (const auto& hint : hints_of(subject.facts, question.zone, *question.hints_at)) hints.push_back(to_json(hint));
  }
  nlohmann::json answer{{"zone", question.zone.name()},
                        {"from", to_rfc3339(question.range.from)},
                        {"to", to_rfc3339(question.range.to)},
                        {"reliability", std::move(list)}};
  if (question.next) answer["next"] = *question.next;
  return json_response(200, answer);
}

/// `answer`: Response(std::vector<SubjectReliability>). Nobody to ask about: an empty list, not the whole store.
template <typename Answer>
void ask_store(Engine& engine, ReliabilityQuery query, const Respond& respond, Answer answer) {
  if (query.client_ids.empty()) return respond(answer(std::vector<SubjectReliability>{}));
  const bool asked = engine.query([respond, query = std::move(query), answer = std::move(answer)](StoreReader& reader) {
    const auto subjects = reader.reliability(query);
    respond(subjects ? answer(*subjects) : unreadable_response(subjects.error()));
  });
  if (!asked) respond(unavailable_response("Too many questions are waiting", "1"));
}

void answer_reliability(Engine& engine, const Request& request, const Respond& respond) {
  const auto question = read_question(engine, request, wall_now());
  if (!question) return respond(wrong_parameter(question.error().message));
  // One that was forgotten may still have a history; one that is unknown and has none is a misspelt name, and no good news.
  const bool known = !question->subject || engine.client(*question->subject);
  ask_store(engine, {question->client_ids, question->periods, question->hints_at}, respond,
            [question = *question, known](const std::vector<SubjectReliability>& subjects) {
              const auto is_absent = [](const auto& each) { return each.total.parts.total() == each.total.parts.absent; };
              if (!known && std::ranges::all_of(subjects, is_absent)) {
                return error_response(404, "Not found", fmt::format("Nothing is known of '{}'", *question.subject));
              }
              return answer_of(question, subjects);
            });
}

/// For a policy (CSP 3): the page stays one file that can be kept, and no other style is taken.
std::string hash_of_report_style() {
  const auto style = report_style();
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()), reinterpret_cast<const unsigned char*>(style.data()), style.size());
  return "sha256-" + to_base64(hash);
}

Response page_of(ReliabilityReport report, const std::vector<SubjectReliability>& subjects) {
  report.subjects = subjects;
  return {200,
          "text/html; charset=utf-8",
          report_html(report),
          {{"Content-Security-Policy", page_policy(fmt::format("style-src '{}'", hash_of_report_style()))},
           {"X-Content-Type-Options", "nosniff"}}};
}

void answer_report(Engine& engine, const Request& request, const Respond& respond) {
  Parameters parameters(request.query, {"month", "zone"});
  ReliabilityReport report;
  report.zone = read_zone(parameters);
  report.made = wall_now();
  const auto asked = parameters.value("month", [&report](std::string_view text) { return report.zone.month(text); });
  if (parameters.problem()) return respond(wrong_parameter(*parameters.problem()));
  const auto month =
      asked ? *asked : report.zone.split({report.made, report.made + std::chrono::seconds{1}}, CalendarUnit::month, 2)->front();
  report.title = month_title(month.from, report.zone);
  report.period = {month.from, std::max(month.from, std::min(month.to, report.made))};
  ReliabilityQuery query;
  for (const auto& list : {engine.clients(), engine.groups()}) {
    for (const auto& client : list) query.client_ids.push_back(client->client_id);
  }
  query.periods = report_periods(report.period, report.zone, query.client_ids.size());
  ask_store(engine, std::move(query), respond, [report = std::move(report)](const auto& subjects) { return page_of(report, subjects); });
}

}  // namespace

void add_reliability_routes(Router& router, const std::string& prefix, Engine& engine) {
  router.add("GET", prefix + "/reliability", [&engine](const Request& request, std::string_view, Respond respond) {
    answer_reliability(engine, request, negotiated(request, std::move(respond)));
  });
  router.add("GET", prefix + "/report", [&engine](const Request& request, std::string_view, Respond respond) {
    answer_report(engine, request, negotiated(request, std::move(respond)));
  });
}

}  // namespace vpn_sentinel
