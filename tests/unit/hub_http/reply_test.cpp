#include "hub/http/reply.hpp"

#include <boost/test/unit_test.hpp>

#include "raw_client.hpp"

namespace vpn_sentinel {
namespace {

BOOST_AUTO_TEST_SUITE(reply)

BOOST_AUTO_TEST_CASE(a_reply_says_its_length_and_ends_its_headers) {
  const auto text = serialize({200, "text/plain", "hello", {{"X-Test", "yes"}}}, {.date = "today"});
  BOOST_TEST(text.starts_with("HTTP/1.1 200 OK\r\n"));
  BOOST_TEST(header_of(text, "Content-Length") == "5");
  BOOST_TEST(header_of(text, "Date") == "today");
  BOOST_TEST(header_of(text, "X-Test") == "yes");
  BOOST_TEST(body_of(text) == "hello");
}

BOOST_AUTO_TEST_CASE(head_keeps_the_length_and_leaves_the_body_out) {
  const auto text = serialize({200, "text/plain", "hello", {}}, {.head_only = true});
  BOOST_TEST(header_of(text, "Content-Length") == "5");
  BOOST_TEST(body_of(text).empty());
}

BOOST_AUTO_TEST_CASE(an_own_cache_control_takes_the_place_of_no_store) {
  const auto text = serialize({200, "", "", {{"cache-control", "max-age=1"}}}, {});
  BOOST_TEST(header_of(text, "Cache-Control") == "max-age=1");
}

BOOST_AUTO_TEST_CASE(dates_are_written_as_http_wants_them) {
  BOOST_TEST(imf_fixdate(parse_rfc3339("1994-11-06T08:49:37Z").value()) == "Sun, 06 Nov 1994 08:49:37 GMT");
  BOOST_TEST(imf_fixdate(parse_rfc3339("2028-02-29T23:59:59.999999Z").value()) == "Tue, 29 Feb 2028 23:59:59 GMT");
}

BOOST_AUTO_TEST_CASE(errors_are_json_with_sorted_keys_and_an_empty_message_is_left_out) {
  BOOST_TEST(error_response(400, "No JSON data provided", "").body == "{\"error\":\"No JSON data provided\"}\n");
  BOOST_TEST(error_response(403, "Access denied", "Your IP address is not authorized").body ==
             "{\"error\":\"Access denied\",\"message\":\"Your IP address is not authorized\"}\n");
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_utf8_do_not_break_the_json) {
  BOOST_TEST(json_response(200, {{"a", "\xff"}}).body == "{\"a\":\"\xEF\xBF\xBD\"}\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
