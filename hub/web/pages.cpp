#include "hub/web/pages.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "hub/http/negotiation.hpp"
#include "hub/http/reply.hpp"
#include "hub/web/assets.hpp"

namespace vpn_sentinel {
namespace {

/// Nothing from elsewhere, nothing inline: what a probe or an attacker writes into a field can be shown but never run.
constexpr std::string_view sources = "script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> content_types{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
}};

std::string content_type(std::string_view name) {
  for (const auto& [ending, type] : content_types) {
    if (name.ends_with(ending)) return std::string(type);
  }
  return "application/octet-stream";
}

/// Their names have the hash of their content.
bool is_hashed(std::string_view name) { return name.ends_with(".js") || name.ends_with(".css"); }

std::string_view packed_form(std::string_view name) {
  const auto packed = std::string(name) + ".gz";
  const auto assets = web_assets();
  const auto found = std::ranges::find(assets, packed, &Asset::name);
  return found == assets.end() ? std::string_view() : found->body;
}

Response page_response(const Request& request, const Content& content, bool for_good) {
  auto response = Wish(request).answer(content);
  if (for_good) {
    const auto cache = std::ranges::find(response.headers, "Cache-Control", [](const auto& header) { return header.first; });
    cache->second = "private, max-age=31536000, immutable";
  }
  response.headers.emplace(response.headers.begin(), "Content-Security-Policy", page_policy(sources));
  return response;
}

void add_page(Router& router, const Asset& asset, std::string path) {
  const auto content = std::make_shared<const Content>(content_type(asset.name), Content::Lasting{asset.body, packed_form(asset.name)});
  router.add("GET", std::move(path),
             [content, for_good = is_hashed(asset.name)](const Request& request, std::string_view, const Respond& respond) {
               respond(page_response(request, *content, for_good));
             });
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
    if (asset.name.ends_with(".gz")) continue;
    if (asset.name == "dashboard.html") {
      add_page(router, asset, "/dashboard");
      add_page(router, asset, "/dashboard/");
    } else {
      add_page(router, asset, (is_hashed(asset.name) ? "/assets/" : "/") + std::string(asset.name));
    }
  }
}

}  // namespace vpn_sentinel
