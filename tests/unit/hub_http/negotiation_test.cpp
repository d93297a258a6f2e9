#include "hub/http/negotiation.hpp"

#include <zlib.h>

#include <boost/test/unit_test.hpp>

#include "fake_request.hpp"
#include "hub/http/gzip.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

std::string unpacked(const std::string& packed, std::size_t size) {
  z_stream stream{};
  BOOST_REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string text(size + 1, '\0');
  std::string input = packed;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  BOOST_TEST(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

Response answer(const Content& content, std::map<std::string, std::string> headers = {}) {
  const FakeRequest request{.headers = std::move(headers)};
  return Wish(request.view()).answer(content);
}

const std::string large(20'000, 'x');

BOOST_AUTO_TEST_SUITE(negotiation)

BOOST_AUTO_TEST_CASE(gzip_is_wanted_when_it_is_named_and_not_weighed_with_nothing) {
  for (const auto* wanted : {"gzip", "deflate, gzip;q=0.5", "GZIP", "x-gzip", "*", "br , gzip", "gzip; q=1.0", "*;q=0, gzip"}) {
    BOOST_TEST_CONTEXT(wanted) { BOOST_TEST(accepts_gzip(wanted)); }
  }
  for (const auto* unwanted : {"", "identity", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "gzipped", ",,;"}) {
    BOOST_TEST_CONTEXT(unwanted) { BOOST_TEST(!accepts_gzip(unwanted)); }
  }
}

BOOST_AUTO_TEST_CASE(what_was_packed_unpacks_to_the_same) {
  std::string text;
  for (const std::size_t size : {0U, 1U, 1'000U, 300'000U}) {
    while (text.size() < size) text += static_cast<char>(text.size() * 2'654'435'761U >> 13U);
    BOOST_TEST(unpacked(gzipped(text), text.size()) == text);
  }
}

BOOST_AUTO_TEST_CASE(only_large_answers_are_packed_and_only_for_who_asked) {
  const Content content("text/plain", large);
  BOOST_TEST(answer(content).body == large);
  BOOST_TEST(header_in(answer(content), "Content-Encoding").empty());
  BOOST_TEST(header_in(answer(content), "Vary") == "Accept-Encoding");
  const auto packed = answer(content, {{"Accept-Encoding", "gzip"}});
  BOOST_TEST(header_in(packed, "Content-Encoding") == "gzip");
  BOOST_TEST(unpacked(packed.body, large.size()) == large);
  const Content small("text/plain", std::string(worth_gzip - 1, 'x'));
  BOOST_TEST(header_in(answer(small, {{"Accept-Encoding", "gzip"}}), "Content-Encoding").empty());
}

BOOST_AUTO_TEST_CASE(each_form_has_a_strong_tag_of_its_own_and_is_304_by_it) {
  const Content content("text/plain", large);
  const auto plain = header_in(answer(content), "ETag");
  const auto packed = header_in(answer(content, {{"Accept-Encoding", "gzip"}}), "ETag");
  BOOST_TEST((plain.starts_with('"') && plain.ends_with('"') && plain.size() > 20));
  BOOST_TEST(plain != packed);
  for (const auto& known : {plain, "W/" + plain, "\"other\" , " + plain, std::string("*")}) {
    const auto same = answer(content, {{"If-None-Match", known}});
    BOOST_TEST(same.status == 304);
    BOOST_TEST(same.body.empty());
    BOOST_TEST(header_in(same, "ETag") == plain);
  }
  BOOST_TEST(answer(content, {{"If-None-Match", packed}}).status == 200);
  BOOST_TEST(answer(content, {{"If-None-Match", packed}, {"Accept-Encoding", "gzip"}}).status == 304);
  BOOST_TEST(answer(content, {{"If-None-Match", "\"other\", ,"}}).status == 200);
  BOOST_TEST(header_in(answer(Content("text/plain", large + "y")), "ETag") != plain);
}

BOOST_AUTO_TEST_CASE(errors_keep_their_form_and_good_answers_their_headers) {
  const FakeRequest request{.headers = {{"If-None-Match", "*"}}};
  Response got;
  const auto respond = negotiated(request.view(), [&](Response response) { got = std::move(response); });
  respond(error_response(404, "Not found", ""));
  BOOST_TEST(got.status == 404);
  BOOST_TEST(got.headers.empty());
  respond(Response{200, "text/plain", "x", {{"ETag", "W/\"1\""}, {"X-More", "y"}}});
  BOOST_TEST(got.status == 304);
  BOOST_TEST(header_in(got, "ETag") == "W/\"1\"");
  BOOST_TEST(header_in(got, "X-More") == "y");
}

BOOST_AUTO_TEST_CASE(a_304_has_no_length_and_no_type) {
  const Content content("text/plain", large);
  const auto reply = serialize(answer(content, {{"If-None-Match", "*"}}), {});
  BOOST_TEST(reply.starts_with("HTTP/1.1 304 Not Modified\r\n"));
  BOOST_TEST(reply.find("Content-Length") == std::string::npos);
  BOOST_TEST(reply.find("Content-Type:") == std::string::npos);
  BOOST_TEST(reply.find("Cache-Control: private, no-cache") != std::string::npos);
  BOOST_TEST(reply.find("no-store") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
