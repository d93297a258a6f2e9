#include "probe/app/exit_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "netns/clients/http_url.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t most_rules = 64;

/// Services that know where an address is, the best first, each with the settings of its addresses. ip-api.com comes last: it speaks plain
/// HTTP only, so that anybody on the way can answer for it.
struct Service {
  std::string_view name;
  SourceKind kind;
  std::string_view v4_key;
  std::string_view v6_key;
};
constexpr std::array services{Service{"ipinfo.io", SourceKind::ipinfo, "ipinfo_url", "ipinfo_v6_url"},
                              Service{"ipwho.is", SourceKind::ipwhois, "ipwhois_url", "ipwhois_url"},
                              Service{"ipwhois.app", SourceKind::ipwhois_app, "ipwhois_app_url", "ipwhois_app_url"},
                              Service{"ip-api.com", SourceKind::ip_api, "ip_api_url", "ip_api_url"}};

/// Adds the address of one service; an empty one switches it off.
Result<void> add_source(const Settings& settings, std::string_view key, SourceKind kind, std::vector<ExitSource>& into) {
  const auto& url = settings.text(key);
  if (url.empty()) return {};
  if (!HttpUrl::parse(url)) return wrong_setting(settings, key, url, "an http:// or https:// URL, or nothing");
  into.push_back({kind, url});
  return {};
}

Result<void> read_services(const Settings& settings, ExitPolicy& policy) {
  const auto& chosen = settings.text("geolocation_service");
  const bool known = std::ranges::any_of(services, [&](const Service& service) { return service.name == chosen; });
  if (!known && chosen != "auto" && chosen != "off") {
    return wrong_setting(settings, "geolocation_service", chosen, "auto, ipinfo.io, ip-api.com, ipwho.is, ipwhois.app or off");
  }
  for (const auto& service : services) {
    if (chosen != "auto" && chosen != service.name) continue;
    if (auto added = add_source(settings, service.v4_key, service.kind, policy.geolocation_v4); !added) return added;
    if (auto added = add_source(settings, service.v6_key, service.kind, policy.geolocation_v6); !added) return added;
  }
  if (auto added = add_source(settings, "mullvad_url", SourceKind::mullvad, policy.witnesses_v4); !added) return added;
  if (auto added = add_source(settings, "mullvad_v6_url", SourceKind::mullvad, policy.witnesses_v6); !added) return added;
  // Whoever may be asked where an address is may be asked for the address, too, when the others fail or disagree.
  policy.witnesses_v4.insert(policy.witnesses_v4.end(), policy.geolocation_v4.begin(), policy.geolocation_v4.end());
  policy.witnesses_v6.insert(policy.witnesses_v6.end(), policy.geolocation_v6.begin(), policy.geolocation_v6.end());
  return {};
}

Result<std::vector<ExitRule>> read_rules(const Settings& settings, std::string_view key) {
  std::vector<ExitRule> rules;
  for (const auto& item : settings.list(key)) {
    const auto rule = ExitRule::parse(item);
    if (!rule) return wrong_setting(settings, key, item, rule.error().message);
    rules.push_back(*rule);
  }
  if (rules.size() > most_rules) return wrong_setting(settings, key, settings.text(key), fmt::format("at most {} rules", most_rules));
  return rules;
}

Result<std::shared_ptr<const GeoDatabase>> open_databases(const Settings& settings) {
  const bool named = !settings.list("geo_databases").empty();
  if (settings.text("geo_databases") == "none") return nullptr;
  auto database = std::make_shared<GeoDatabase>();
  for (const auto& file : named ? settings.list("geo_databases") : usual_geo_databases()) {
    const auto added = database->add(file);
    if (!added && named) return wrong_setting(settings, "geo_databases", file, "readable .mmdb files, or none: " + added.error().message);
  }
  if (database->empty()) return nullptr;
  return std::shared_ptr<const GeoDatabase>(std::move(database));
}

/// A thousand targets of the same settings map the same files once.
Result<std::shared_ptr<const GeoDatabase>> shared_databases(const Settings& settings) {
  static std::map<std::string, std::weak_ptr<const GeoDatabase>> opened;
  auto& place = opened[settings.text("geo_databases")];
  if (auto known = place.lock()) return known;
  auto database = open_databases(settings);
  if (database) place = *database;
  return database;
}

/// The default address of the hub is loopback: nobody's exit.
std::vector<std::string> hub_hosts(const Settings& settings) {
  std::vector<std::string> hosts;
  for (const auto& text : settings.list("url")) {
    const auto url = HttpUrl::parse(text);
    if (url && !(url->literal && url->literal->is_loopback())) hosts.push_back(url->host);
  }
  return hosts;
}

}  // namespace

Result<ExitPolicy> make_exit_policy(const Settings& settings) {
  ExitPolicy policy;
  policy.quorum = static_cast<std::size_t>(settings.integer("exit_quorum"));
  policy.learn_uplink = settings.boolean("learn_uplink");
  policy.hub_hosts = hub_hosts(settings);
  if (auto read = read_services(settings, policy); !read) return fail(read.error());
  auto expected = read_rules(settings, "expected_exits");
  if (!expected) return fail(expected.error());
  auto never = read_rules(settings, "never_exits");
  if (!never) return fail(never.error());
  policy.rules = {std::move(*expected), std::move(*never)};
  auto database = shared_databases(settings);
  if (!database) return fail(database.error());
  policy.database = std::move(*database);
  return policy;
}

}  // namespace vpn_sentinel
