#include "hub/http/hub_route.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

json to_json(const HubExit& exit) {
  auto addresses = json::array();
  for (const auto& address : exit.addresses) addresses.push_back(address.to_string());
  json object{{"addresses", std::move(addresses)}, {"at", nullptr}, {"problem", exit.problem}};
  if (exit.at) object["at"] = to_rfc3339(*exit.at);
  const auto& facts = exit.facts;
  for (const auto& [key, text] :
       {std::pair{"country", &facts.country}, {"city", &facts.city}, {"region", &facts.region}, {"organisation", &facts.organisation}}) {
    if (!text->empty()) object[key] = *text;
  }
  if (facts.asn) object["asn"] = *facts.asn;
  return object;
}

json to_json(const HubDns& dns) {
  json object{{"state", dns.state}, {"servers", dns.servers}, {"problem", dns.problem}, {"at", nullptr}};
  if (dns.at) object["at"] = to_rfc3339(*dns.at);
  if (dns.took) object["took_ms"] = dns.took->count();
  return object;
}

json to_json(const HubFacts& facts) {
  auto listeners = json::array();
  for (const auto& each : facts.listeners) listeners.push_back({{"what", each.what}, {"url", each.url}});
  auto limits = json::array();
  for (const auto& each : facts.limits) {
    limits.push_back({{"setting", each.setting}, {"meaning", each.meaning}, {"value", each.value}, {"unit", each.unit}});
  }
  return {{"version", facts.version},
          {"started", to_rfc3339(facts.started)},
          {"uptime_s", facts.uptime.count()},
          {"listeners", std::move(listeners)},
          {"store", {{"works", facts.store_works}, {"bytes", facts.store_bytes}, {"connection_bytes", facts.flow_bytes}}},
          {"clients", facts.clients},
          {"live_pages", facts.live_pages},
          {"limits", std::move(limits)},
          {"warnings", facts.warnings},
          {"exit", facts.exit ? to_json(*facts.exit) : json(nullptr)},
          {"dns", facts.dns ? to_json(*facts.dns) : json(nullptr)}};
}

}  // namespace

void add_hub_route(Router& router, const std::string& prefix, std::function<HubFacts()> facts) {
  router.add("GET", prefix + "/hub", [facts = std::move(facts)](const Request&, std::string_view, const Respond& respond) {
    respond(json_response(200, to_json(facts())));
  });
}

}  // namespace vpn_sentinel
