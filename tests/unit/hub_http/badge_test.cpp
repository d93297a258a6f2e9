#include "hub/http/badge.hpp"

#include <boost/test/unit_test.hpp>

#include "fake_engine.hpp"
#include "fake_request.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::string_view green = "#14713f";

struct Badges {
  FakeEngine engine;
  Router router;

  Badges() {
    add_badge_route(router, engine, {"office-*", "lab", "group:office"});
    for (const auto* id : {"office-1", "lab", "secret", "group:office"}) {
      auto client = client_of(id, State::secure);
      client.lease_deadline = wall_now() + std::chrono::hours{1};
      if (client.client_id.starts_with("group:")) client.rule = "any";
      engine.add(client);
    }
  }
  Response get(const std::string& path, const std::map<std::string, std::string>& headers = {}) const {
    Response answer{0, "", "nothing", {}};
    const FakeRequest request{.path = path, .headers = headers};
    router.handle(request.view(), [&](Response response) { answer = std::move(response); });
    return answer;
  }
};

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [header, value] : response.headers) {
    if (header == name) return value;
  }
  return {};
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

BOOST_FIXTURE_TEST_SUITE(badge, Badges)

BOOST_AUTO_TEST_CASE(who_is_named_has_a_picture_and_everybody_else_has_none_known_or_not) {
  for (const auto* path : {"/badge/office-1.svg", "/badge/lab.svg", "/badge/group:office.svg", "/badge/group%3Aoffice.svg"}) {
    BOOST_TEST_CONTEXT(path) {
      const auto answer = get(path);
      BOOST_TEST(answer.status == 200);
      BOOST_TEST(answer.content_type == "image/svg+xml");
      BOOST_TEST(has(answer.body, green));
    }
  }
  const auto hidden = get("/badge/secret.svg");
  for (const auto* path : {"/badge/nobody.svg", "/badge/office-2.svg"}) {
    BOOST_TEST_CONTEXT(path) {
      const auto answer = get(path);
      BOOST_TEST(answer.status == 404);
      BOOST_TEST(answer.body == hidden.body);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_picture_is_asked_for_anew_each_time_and_answered_in_short_when_it_is_the_same) {
  const auto answer = get("/badge/lab.svg");
  BOOST_TEST(has(header_of(answer, "Cache-Control"), "no-cache"));
  BOOST_TEST(header_of(answer, "Content-Security-Policy") ==
             "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  const auto tag = header_of(answer, "ETag");
  BOOST_TEST(!tag.empty());
  BOOST_TEST(get("/badge/lab.svg", {{"If-None-Match", tag}}).status == 304);
  engine.add(client_of("lab", State::danger));
  BOOST_TEST(get("/badge/lab.svg", {{"If-None-Match", tag}}).status == 200);
}

BOOST_AUTO_TEST_CASE(only_who_is_secure_now_is_green) {
  const auto now = wall_now();
  for (const auto state : {State::secure, State::warning, State::contained, State::danger, State::offline}) {
    auto client = client_of("a", state);
    client.lease_deadline = now + std::chrono::seconds{10};
    BOOST_TEST_CONTEXT(to_string(state)) {
      const auto look = badge_look(&client, now);
      BOOST_TEST(look.word == to_string(state));
      BOOST_TEST((look.colour == green) == (state == State::secure));
      const auto late = badge_look(&client, now + std::chrono::seconds{11});
      BOOST_TEST(late.colour != green);
      BOOST_TEST(late.word == (state == State::offline ? "offline" : "overdue"));
    }
  }
  BOOST_TEST(badge_look(nullptr, now).word == "unknown");
  BOOST_TEST(badge_look(nullptr, now).colour != green);
}

BOOST_AUTO_TEST_CASE(a_name_is_text_and_a_long_one_is_cut) {
  const auto odd = badge_svg("<script>&\"'\n\xc3\xa4", {"secure", "#000000"});
  for (const auto* part : {"<script", "\"'", "\xc3"}) BOOST_TEST(!has(odd, part));
  BOOST_TEST(has(odd, "&#60;script&#62;&#38;&#34;&#39;"));
  const auto cut = badge_svg(std::string(100, 'x'), {"secure", "#000000"});
  BOOST_TEST(has(cut, std::string(38, 'x') + ".."));
  BOOST_TEST(!has(cut, std::string(39, 'x')));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
