#include "hub/http/status_page.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "fake_engine.hpp"
#include "fake_request.hpp"

namespace vpn_sentinel {
namespace {

struct StatusPage {
  FakeEngine engine;
  Router router;

  void add(const std::string& id, State state, std::chrono::seconds lease = std::chrono::hours{1}) {
    auto client = client_of(id, state);
    client.lease_deadline = wall_now() + lease;
    client.source_address = "192.0.2.77";
    if (id.starts_with("group:")) client.rule = "any";
    engine.add(client);
  }
  void serve(std::initializer_list<const char*> picks, const std::string& title = "Status") {
    std::vector<StatusPagePick> parsed;
    for (const auto* pick : picks) parsed.push_back(parse_status_page_pick(pick).value());
    add_status_page(router, engine, std::move(parsed), title);
  }
  [[nodiscard]] Response get(const std::string& path, const std::map<std::string, std::string>& headers = {}) const {
    Response answer{0, "", "nothing", {}};
    const FakeRequest request{.path = path, .headers = headers};
    router.handle(request.view(), [&](Response response) { answer = std::move(response); });
    return answer;
  }
  /// As the script and browsers without scripts ask for it.
  [[nodiscard]] std::string whole_page() const {
    Response answer;
    const FakeRequest request{.path = "/status-page", .query = "whole"};
    router.handle(request.view(), [&](Response response) { answer = std::move(response); });
    return answer.body;
  }
  [[nodiscard]] nlohmann::json told() const { return nlohmann::json::parse(get("/status-page.json").body); }
};

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [header, value] : response.headers) {
    if (header == name) return value;
  }
  return {};
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

BOOST_FIXTURE_TEST_SUITE(status_page, StatusPage)

BOOST_AUTO_TEST_CASE(of_very_many_the_worst_are_listed_and_none_is_left_out_of_the_headline) {
  for (int i = 1000; i < 2005; ++i) add("office-" + std::to_string(i), State::secure);
  add("office-9999", State::danger);
  serve({"office-*"});
  const auto json = told();
  BOOST_TEST(json["overall"] == "danger");
  BOOST_TEST(json["clients"].size() == 1000U);
  BOOST_TEST(json["clients"][0] == nlohmann::json::parse(R"({"name":"office-9999","state":"danger"})"));
  BOOST_TEST(json["clients"][1]["name"] == "office-1000");
  BOOST_TEST(json["not_listed"] == 6);
  const auto page = whole_page();
  BOOST_TEST(has(page, "1 of 1006 is not protected"));
  BOOST_TEST(has(page, "and 6 more, none of them worse"));
}

BOOST_AUTO_TEST_CASE(only_who_was_picked_is_there_and_of_him_his_name_and_state_alone) {
  add("office-1", State::secure);
  add("office-2", State::danger);
  add("secret", State::danger);
  add("nas", State::warning);
  add("group:builders", State::contained);
  serve({"nas=The store room", "office-*", "group:builders"});
  const auto expected = nlohmann::json::parse(R"([{"name":"The store room","state":"warning"},{"name":"office-1","state":"secure"},
    {"name":"office-2","state":"danger"},{"name":"builders","state":"contained"}])");
  const auto json = told();
  BOOST_TEST(json["clients"] == expected);
  BOOST_TEST(json["overall"] == "danger");
  BOOST_TEST(json.size() == 4U);
  for (const auto* path : {"/status-page", "/status-page.json"}) {
    const auto body = get(path).body;
    BOOST_TEST(has(body, "The store room"), path);
    for (const auto* hidden : {"secret", "192.0.2.77", "nas"}) BOOST_TEST(!has(body, hidden), path << " " << hidden);
  }
  BOOST_TEST(has(whole_page(), "1 of 4 is not protected."));
}

BOOST_AUTO_TEST_CASE(silence_and_who_was_never_heard_of_are_not_protected) {
  add("late", State::secure, std::chrono::seconds{-1});
  serve({"late", "nobody", "nothing-*"});
  const auto json = told();
  BOOST_TEST(json["clients"] == nlohmann::json::parse(R"([{"name":"late","state":"offline"},{"name":"nobody","state":"unknown"}])"));
  BOOST_TEST(json["overall"] == "offline");
}

BOOST_AUTO_TEST_CASE(all_is_well_only_when_all_are_protected) {
  add("a", State::secure);
  add("b", State::secure);
  serve({"*"});
  BOOST_TEST(told()["overall"] == "secure");
  BOOST_TEST(has(whole_page(), "All are protected."));
  add("b", State::offline);
  BOOST_TEST(told()["overall"] == "offline");
  BOOST_TEST(has(whole_page(), "1 of 2 is not heard of."));
}

BOOST_AUTO_TEST_CASE(a_page_of_nobody_says_so_and_is_not_green) {
  serve({"office-*"});
  BOOST_TEST(told()["overall"] == "unknown");
  BOOST_TEST(has(whole_page(), "Nobody is shown here yet."));
}

BOOST_AUTO_TEST_CASE(before_its_script_has_asked_the_page_claims_nothing) {
  add("office-1", State::secure);
  add("office-2", State::danger);
  serve({"office-*"});
  const auto page = get("/status-page").body;
  BOOST_TEST(has(page, "Not known yet."));
  BOOST_TEST(has(page, ">office-1<"));
  for (const auto* claim : {"rotected", "data-state=\"secure\"", "data-state=\"danger\"", "\u2713", "As of"})
    BOOST_TEST(!has(page, claim), claim);
  BOOST_TEST(has(page, "<noscript><meta http-equiv=\"refresh\" content=\"0; url=/status-page?whole\"></noscript>"));
  const auto whole = whole_page();
  BOOST_TEST(has(whole, "Not protected"));
  BOOST_TEST(has(whole, "<meta http-equiv=\"refresh\" content=\"30\">"));
  BOOST_TEST(has(page, "<noscript><p><a href=\"/status-page?whole\">"));
  BOOST_TEST(!has(whole, "<noscript"));
  BOOST_TEST(!has(whole, "<script"));
}

BOOST_AUTO_TEST_CASE(names_and_the_title_are_text) {
  serve({"a=<script>&\"'"}, "<b>Ours</b>");
  const auto page = get("/status-page").body;
  BOOST_TEST(has(page, "&#60;script&#62;&#38;&#34;&#39;"));
  BOOST_TEST(has(page, "<h1>&#60;b&#62;Ours&#60;/b&#62;</h1>"));
  BOOST_TEST(!has(page, "<b>"));
}

BOOST_AUTO_TEST_CASE(pages_run_nothing_but_the_page_s_own_script_and_are_asked_for_anew) {
  serve({"a"});
  for (const auto* path : {"/status-page", "/status-page.css", "/status-page.js", "/status-page.json"}) {
    BOOST_TEST_CONTEXT(path) {
      const auto answer = get(path);
      BOOST_TEST(answer.status == 200);
      BOOST_TEST(header_of(answer, "Content-Security-Policy").starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
      BOOST_TEST(!has(header_of(answer, "Content-Security-Policy"), "unsafe"));
      BOOST_TEST(header_of(answer, "Content-Security-Policy").ends_with("; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
      BOOST_TEST(has(header_of(answer, "Cache-Control"), "no-cache"));
    }
  }
  BOOST_TEST(get("/status-page.css").content_type == "text/css; charset=utf-8");
  BOOST_TEST(get("/status-page.js").content_type == "text/javascript; charset=utf-8");
}

BOOST_AUTO_TEST_CASE(a_pick_is_a_client_a_pattern_or_a_group_and_one_alone_may_have_a_name) {
  const auto pick = [](const char* text) { return parse_status_page_pick(text); };
  BOOST_TEST((pick("lab").value() == StatusPagePick{"lab", ""}));
  BOOST_TEST((pick("group:office=The office").value() == StatusPagePick{"group:office", "The office"}));
  BOOST_TEST((pick("office-*").value() == StatusPagePick{"office-*", ""}));
  const auto longest = "a=" + std::string(60, 'x');
  BOOST_TEST(pick(longest.c_str()).has_value());
  for (const auto* wrong : {"", "=Name", "a b", "lab=", "office-*=Office", "group:", "lab=\x01", "*x"}) BOOST_TEST(!pick(wrong), wrong);
  BOOST_TEST(!pick((longest + "x").c_str()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
