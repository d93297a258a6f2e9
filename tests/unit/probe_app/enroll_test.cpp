#include "probe/app/enroll_command.hpp"

#include <boost/test/unit_test.hpp>

namespace vpn_sentinel {
namespace {

const Enrolled office{"office", "", "vs_key"};
const std::string head =
    "# From 'vpn-sentinel-probe enroll':\nurl = [\"https://hub.example:5000\"]\napi_key = \"vs_key\"\nclient_id = \"office\"\n";

std::string fresh(const std::string& text, const Enrolled& enrolled = office) {
  return with_enrolled(text, "https://hub.example:5000", enrolled);
}

BOOST_AUTO_TEST_SUITE(enroll)

BOOST_AUTO_TEST_CASE(the_hubs_answer_is_checked_before_it_goes_into_a_file) {
  const auto enrolled = parse_enrolled(200, R"({"client_id":"office","group":"berlin","key":"vs_key"})");
  BOOST_REQUIRE(enrolled.has_value());
  BOOST_TEST(enrolled->client_id == "office");
  BOOST_TEST(enrolled->group == "berlin");
  BOOST_TEST(enrolled->key == "vs_key");
  for (const auto* body : {"", "<html>", "[]", "{}", R"({"client_id":"office","group":""})",
                           R"({"client_id":"office","group":"","key":"a\"b"})", R"({"client_id":"a b","group":"","key":"k"})",
                           R"({"client_id":"office","group":"x\ny","key":"k"})", R"({"client_id":7,"group":"","key":"k"})"}) {
    BOOST_TEST_CONTEXT(body) { BOOST_TEST(!parse_enrolled(200, body)); }
  }
  BOOST_TEST(!parse_enrolled(200, R"({"client_id":"office","group":"","key":")" + std::string(1000, 'k') + "\"}"));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_in_the_hubs_words) {
  const auto refused = parse_enrolled(403, R"({"error":"Access denied","message":"code: unknown, used already, or too old"})");
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST(refused.error().message.find("used already") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_becomes_the_settings_alone) {
  BOOST_TEST(fresh("") == head);
  BOOST_TEST(fresh("", {"office", "berlin", "vs_key"}) == head + "group = \"berlin\"\n");
}

BOOST_AUTO_TEST_CASE(settings_of_the_same_names_are_replaced_and_all_else_stays) {
  BOOST_TEST(fresh("# mine\nurl = \"http://old\"\n  api_key=\"old\"\ninterval = \"5s\"\n#api_key = \"x\"\nurls = 1") ==
             head + "# mine\ninterval = \"5s\"\n#api_key = \"x\"\nurls = 1\n");
  BOOST_TEST(fresh("url = [\n  \"http://a\",\n  \"http://b\",\n]\ninterval = \"5s\"\n") == head + "interval = \"5s\"\n");
}

BOOST_AUTO_TEST_CASE(tables_of_targets_are_not_touched) {
  const std::string targets = "[[target]]\nclient_id = \"a\"\n\n[[target]]\nclient_id = \"b\"\n";
  BOOST_TEST(fresh(targets) == head + targets);
}

BOOST_AUTO_TEST_CASE(to_enroll_twice_is_as_to_enroll_once) {
  BOOST_TEST(fresh(fresh("interval = \"5s\"\n")) == fresh("interval = \"5s\"\n"));
}

BOOST_AUTO_TEST_CASE(what_is_no_url_is_refused_before_anything_is_done) {
  for (const auto* url : {"", "hub.example", "ftp://hub", "http://a\"b", "http://a b"}) {
    BOOST_TEST(enroll_command({url, "CODE", "/nonexistent/probe.toml", "/api/v1", ""}) == 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
