#include "hub/http/events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "hub/http/keyring.hpp"
#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

/// What became of one report.
struct Outcome {
  int status = 200;
  std::string word;  ///< "stored" or "duplicate", otherwise the error
  std::string message = {};
  std::string_view retry_after = "5";
};

Outcome queue_is_full() { return {503, "Service unavailable", "Too many reports are waiting to be stored"}; }

Outcome outcome_of(SubmitResult result) {
  if (is_kept(result)) return {200, result == SubmitResult::stored ? "stored" : "duplicate"};
  return {http_status(result), std::string(error_of(result)), std::string(reason_of(result)), retry_after(result)};
}

nlohmann::json to_json(const Outcome& outcome) {
  if (outcome.status == 200) return {{"status", 200}, {"result", outcome.word}};
  nlohmann::json json{{"status", outcome.status}, {"error", outcome.word}};
  if (!outcome.message.empty()) json["message"] = outcome.message;
  return json;
}

/// Waits for every report of one request; they are settled on the engine's thread and on the I/O thread.
class Batch {
 public:
  Batch(std::size_t size, Respond respond) : outcomes_(size), open_(size), respond_(std::move(respond)) {}

  void settle(std::size_t index, Outcome outcome) {
    {
      const std::lock_guard lock(mutex_);
      outcomes_.at(index) = std::move(outcome);
      if (--open_ > 0) return;
    }
    respond_(answer());  // the last one: nobody else writes any more
  }

 private:
  [[nodiscard]] Response answer() const {
    const auto failed = [](const Outcome& outcome) { return outcome.status >= 500; };
    if (std::ranges::all_of(outcomes_, failed)) {
      const auto& first = outcomes_.front();
      auto response = error_response(first.status, first.word, first.message);
      response.headers.emplace_back("Retry-After", std::string(first.retry_after));
      return response;
    }
    auto results = nlohmann::json::array();
    for (const auto& outcome : outcomes_) results.push_back(to_json(outcome));
    auto response = json_response(200, {{"status", "ok"}, {"server_time", to_rfc3339(wall_now())}, {"results", std::move(results)}});
    const auto refused = [](const Outcome& outcome) { return outcome.status >= 400 && outcome.status < 500; };
    response.refused_reports = static_cast<std::size_t>(std::ranges::count_if(outcomes_, refused));
    return response;
  }

  std::mutex mutex_;
  std::vector<Outcome> outcomes_;
  std::size_t open_;
  Respond respond_;
};

/// The first coding of a Content-Encoding header (RFC 9110 8.4) that is not identity; empty: there is none.
std::string_view packing_of(std::string_view header) {
  while (!header.empty()) {
    const auto end = std::min(header.find(','), header.size());
    auto coding = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    while (coding.starts_with(' ') || coding.starts_with('\t')) coding.remove_prefix(1);
    while (coding.ends_with(' ') || coding.ends_with('\t')) coding.remove_suffix(1);
    if (!coding.empty() && !equal_ignoring_case(coding, "identity")) return coding;
  }
  return {};
}

Outcome refused(const Rejection& rejection) { return {rejection.status, rejection.error, rejection.message}; }

}  // namespace

std::string events_path(const std::string& prefix) { return prefix + "/events"; }

std::optional<Response> refuse_packed(const Request& request) {
  constexpr std::size_t most_repeated = 40;
  const auto codings = request.all_lines("Content-Encoding");
  const auto packing = packing_of(codings);
  if (packing.empty()) return std::nullopt;
  auto response = error_response(415, "Unsupported encoding",
                                 fmt::format("Content-Encoding: expected identity or none, got {}", packing.substr(0, most_repeated)));
  response.headers.emplace_back("Accept-Encoding", "identity");
  return response;
}

tl::expected<Admitted, Rejection> admit_for(const Caller& caller, std::string_view body, const std::string& source, WallTime now) {
  auto admitted = admit(body, source, now);
  if (!admitted || !caller.key) return admitted;
  admitted->key = caller.key->name;
  const auto refuse = [](std::string_view what, std::string_view name) {
    return tl::unexpected<Rejection>(
        Rejection{403, "Authentication failed", fmt::format("this key may not report for {} '{}'", what, name)});
  };
  const auto& report = admitted->report;
  if (!caller.key->may_report(report.client_id)) {
    admitted = refuse("client", std::string(report.client_id));
  } else if (!report.group.empty() && !caller.key->may_report_in(report.group)) {  // a vote in a group decides what is said of others
    admitted = refuse("group", std::string(report.group));
  }
  return admitted;
}

void take_events(Engine& engine, const Request& request, const Respond& respond) {
  if (auto packed = refuse_packed(request)) return respond(std::move(*packed));
  const auto reports = split_batch(request.body);
  if (!reports) return respond(error_response(reports.error().status, reports.error().error, reports.error().message));
  const auto batch = std::make_shared<Batch>(reports->size(), respond);
  const auto source = request.source();
  const auto now = wall_now();
  bool full = false;
  for (std::size_t i = 0; i < reports->size(); ++i) {
    auto admitted = admit_for(request.caller, reports->at(i), source, now);
    if (!admitted) {
      batch->settle(i, refused(admitted.error()));
      continue;
    }
    const auto done = [batch, i](SubmitResult result) { batch->settle(i, outcome_of(result)); };
    full = full || !engine.submit(std::move(*admitted), done);
    if (full) batch->settle(i, queue_is_full());
  }
}

}  // namespace vpn_sentinel
