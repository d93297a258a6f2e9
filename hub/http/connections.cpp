#include "hub/http/connections.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "hub/http/keyring.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

Response taken_response(FlowResult result) {
  switch (result) {
    case FlowResult::taken:
    case FlowResult::duplicate:
      return json_response(
          200,
          {{"status", "ok"}, {"result", result == FlowResult::taken ? "taken" : "duplicate"}, {"server_time", to_rfc3339(wall_now())}});
    case FlowResult::disk_full: {
      auto response = error_response(507, "Insufficient storage", "The disk of the hub is full");
      response.headers.emplace_back("Retry-After", "60");
      return response;
    }
    case FlowResult::too_many:
      return unavailable_response("Too many flows wait to be written", "10");
    case FlowResult::not_taken:
      break;
  }
  return unavailable_response("Flows cannot be written; the hub's log says why", "30");
}

void take_flows(FlowEngine& flows, const Request& request, Respond respond) {
  auto admitted = admit_flows(request.body, request.header("Content-Encoding"), wall_now());
  if (!admitted) return respond(error_response(admitted.error().status, admitted.error().error, admitted.error().message));
  const auto& client_id = admitted->batch.client_id;
  if (request.caller.key && !request.caller.key->may_report(client_id)) {
    return respond(error_response(403, "Authentication failed", fmt::format("this key may not report for client '{}'", client_id)));
  }
  const auto shared = std::make_shared<const Respond>(std::move(respond));
  const bool queued = flows.submit(std::move(*admitted), [shared](FlowResult result) { (*shared)(taken_response(result)); });
  if (!queued) (*shared)(unavailable_response("Too many batches are waiting", "10"));
}

}  // namespace

std::string connections_path(const std::string& prefix) { return prefix + "/connections"; }

Response closed_response(const FlowDoor& flows) {
  if (flows.failed()) return unavailable_response("The database of flows cannot be opened; the hub's log says why", "60");
  return unavailable_response("The database of flows is being opened", "5");
}

void add_flow_report_route(Router& router, const std::string& prefix, const FlowDoor& flows) {
  router.add("POST", connections_path(prefix), [&flows](const Request& request, std::string_view, Respond respond) {
    auto* engine = flows.engine();
    if (engine == nullptr) return respond(closed_response(flows));
    take_flows(*engine, request, std::move(respond));
  });
}

}  // namespace vpn_sentinel
