#include "hub/web/pages.hpp"

#include <boost/test/unit_test.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "fake_request.hpp"
#include "hub/web/assets.hpp"

namespace vpn_sentinel {
namespace {

Response get(const std::string& path, std::map<std::string, std::string> headers = {}) {
  Router router;
  add_page_routes(router, {"1.2.3", 5000, true, "/api/v1"});
  const FakeRequest request{.path = path, .headers = std::move(headers)};
  Response answer;
  router.handle(request.view(), [&](Response response) { answer = std::move(response); });
  return answer;
}

/// Of the files whose names change: the first with this ending.
std::string named(std::string_view start, std::string_view ending) {
  for (const auto& each : web_assets()) {
    if (each.name.starts_with(start) && each.name.ends_with(ending)) return "/assets/" + std::string(each.name);
  }
  return {};
}

std::string_view asset(std::string_view name) {
  for (const auto& each : web_assets()) {
    if (each.name == name) return each.body;
  }
  return {};
}

BOOST_AUTO_TEST_SUITE(pages)

BOOST_AUTO_TEST_CASE(the_root_leads_to_the_dashboard) {
  const auto root = get("/");
  BOOST_TEST(root.status == 302);
  BOOST_TEST(root.headers.at(0).second == "/dashboard");
}

BOOST_AUTO_TEST_CASE(files_have_their_type_and_forbid_everything_foreign) {
  const std::vector<std::pair<std::string, std::string>> table{{"/dashboard", "text/html; charset=utf-8"},
                                                               {"/dashboard/", "text/html; charset=utf-8"},
                                                               {named("app-", ".js"), "text/javascript; charset=utf-8"},
                                                               {named("app-", ".css"), "text/css; charset=utf-8"},
                                                               {"/licences.txt", "text/plain; charset=utf-8"},
                                                               {"/favicon.svg", "image/svg+xml"}};
  for (const auto& [path, type] : table) {
    BOOST_TEST_CONTEXT(path) {
      const auto page = get(path);
      BOOST_TEST(page.status == 200);
      BOOST_TEST(page.content_type == type);
      BOOST_TEST(!page.body.empty());
      BOOST_TEST(page.headers.at(0).first == "Content-Security-Policy");
      BOOST_TEST(page.headers.at(0).second.starts_with("default-src 'none'; script-src 'self'"));
      BOOST_TEST(page.headers.at(0).second.ends_with("; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
      BOOST_TEST(page.headers.at(0).second.find("unsafe") == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_page_asks_for_nothing_that_is_not_served) {
  const auto html = asset("dashboard.html");
  for (const std::string_view attribute : {"src=\"", "href=\""}) {
    for (auto at = html.find(attribute); at != std::string_view::npos; at = html.find(attribute, at + 1)) {
      const auto start = at + attribute.size();
      const std::string path(html.substr(start, html.find('"', start) - start));
      BOOST_TEST_CONTEXT(path) { BOOST_TEST((path.starts_with("/api/") || get(path).status == 200)); }
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_inline) {
  const auto html = asset("dashboard.html");
  for (const auto* word : {" style=", " onclick", " onload", "<style", "javascript:"}) {
    BOOST_TEST(html.find(word) == std::string_view::npos, word);
  }
}

BOOST_AUTO_TEST_CASE(what_has_its_hash_in_its_name_is_kept_for_good_and_the_page_is_asked_for_each_time) {
  for (const auto& path : {named("app-", ".js"), named("app-", ".css")}) {
    BOOST_TEST(header_in(get(path), "Cache-Control") == "private, max-age=31536000, immutable");
  }
  BOOST_TEST(header_in(get("/dashboard"), "Cache-Control") == "private, no-cache");
  const auto tag = header_in(get("/dashboard"), "ETag");
  BOOST_TEST(get("/dashboard", {{"If-None-Match", tag}}).status == 304);
}

BOOST_AUTO_TEST_CASE(who_can_unpack_gets_what_was_packed_when_it_was_built) {
  const auto path = named("app-", ".js");
  const auto packed = get(path, {{"Accept-Encoding", "gzip"}});
  BOOST_TEST(header_in(packed, "Content-Encoding") == "gzip");
  BOOST_TEST(packed.body == asset(path.substr(std::string_view("/assets/").size()) + ".gz"));
  BOOST_TEST(get(path).body == asset(path.substr(std::string_view("/assets/").size())));
  BOOST_TEST(get(path + ".gz").status == 404);
}

BOOST_AUTO_TEST_CASE(the_page_learns_where_probes_report_to) {
  const auto json = nlohmann::json::parse(get("/hub.json").body);
  BOOST_TEST(json["api_port"] == 5000);
  BOOST_TEST(json["api_tls"] == true);
  BOOST_TEST(json["version"] == "1.2.3");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
