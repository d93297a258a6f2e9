#include "hub/web/pages.hpp"

#include <array>
#include <utility>

#include "hub/http/reply.hpp"
#include "hub/web/assets.hpp"

namespace vpn_sentinel {
namespace {

/// Nothing from elsewhere, nothing inline: what a probe or an attacker writes into a field can be shown but never run.
constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> content_types{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
}};

std::string content_type(std::string_view name) {
  for (const auto& [ending, type] : content_types) {
    if (name.ends_with(ending)) return std::string(type);
  }
  return "application/octet-stream";
}

Response page_response(const Asset& asset) {
  return {200, content_type(asset.name), std::string(asset.body), {{"Content-Security-Policy", std::string(content_security_policy)}}};
}

void add_fixed(Router& router, std::string path, Response response) {
  router.add("GET", std::move(path),
             [response = std::move(response)](const Request&, std::string_view, const Respond& respond) { respond(response); });
}

}  // namespace

void add_page_routes(Router& router, const HubAbout& about) {
  add_fixed(router, "/", redirect_response("/dashboard"));
  add_fixed(router, "/hub.json",
            json_response(
                200, {{"version", about.version}, {"api_port", about.api_port}, {"api_tls", about.api_tls}, {"api_path", about.api_path}}));
  for (const auto& asset : web_assets()) {
    if (asset.name == "dashboard.html") {
      add_fixed(router, "/dashboard", page_response(asset));
      add_fixed(router, "/dashboard/", page_response(asset));
    } else {
      add_fixed(router, "/" + std::string(asset.name), page_response(asset));
    }
  }
}

}  // namespace vpn_sentinel
