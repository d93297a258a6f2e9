#include "netns/geo/exit_source.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace vpn_sentinel;
using namespace std::chrono_literals;

namespace {

constexpr const char* ipinfo_body =
    R"({"ip":"198.51.100.7","hostname":"exit.example","city":"Bucharest","region":"Bucharest","country":"RO",
  "loc":"44.4323,26.1063","org":"AS64500 Example Networks","postal":"030011","timezone":"Europe/Bucharest","readme":"https://ipinfo.io/missingauth"})";
constexpr const char* ip_api_body = R"({"status":"success","country":"Romania","countryCode":"RO","region":"B","regionName":"Bucharest",
  "city":"Bucharest","zip":"","lat":44.4,"lon":26.1,"timezone":"Europe/Bucharest","isp":"Example Networks","org":"Example Customer",
  "as":"AS64500 Example Networks SRL","query":"198.51.100.7"})";
constexpr const char* ipwhois_body = R"({"ip":"198.51.100.7","success":true,"type":"IPv4","country":"Romania","country_code":"RO",
  "region":"Bucharest","region_code":"B","city":"Bucharest","latitude":44.4,"longitude":26.1,"is_eu":true,
  "connection":{"asn":64500,"org":"Example Networks","isp":"Example ISP","domain":"example.com"},
  "timezone":{"id":"Europe/Bucharest","abbr":"EET","is_dst":false,"offset":7200,"utc":"+02:00"}})";
constexpr const char* ipwhois_app_body =
    R"({"ip":"198.51.100.7","success":true,"country":"Romania","country_code":"RO","region":"Bucharest",
  "city":"Bucharest","asn":"AS64500","org":"Example Networks","isp":"Example ISP","timezone":"Europe/Bucharest","completed_requests":12})";
constexpr const char* mullvad_body = R"({"ip":"198.51.100.7","country":"Romania","city":"Bucharest","longitude":26.1,"latitude":44.4,
  "mullvad_exit_ip":false,"blacklisted":{"blacklisted":false,"results":[]},"organization":"Example Networks"})";

auto read(SourceKind kind, std::string_view body, long status = 200, Family family = Family::v4) {
  return read_source(kind, SourceReply{"service.test", status, body}, family);
}

SourceRefusal refused(SourceKind kind, std::string_view body, long status = 200) {
  const auto reading = read(kind, body, status);
  BOOST_REQUIRE(!reading);
  BOOST_TEST_MESSAGE(reading.error().error.message);
  return reading.error();
}

constexpr SourceKind json_kinds[]{SourceKind::ipinfo, SourceKind::ip_api, SourceKind::ipwhois, SourceKind::ipwhois_app,
                                  SourceKind::mullvad};

}  // namespace

BOOST_AUTO_TEST_SUITE(exit_source)

BOOST_AUTO_TEST_CASE(every_service_tells_address_country_and_network_in_its_own_format) {
  const AddressFacts facts{"RO", "Bucharest", "Bucharest", "Europe/Bucharest", "Example Networks", 64500};
  const auto* const address = "198.51.100.7";
  for (const auto& [kind, body] : {std::pair{SourceKind::ipinfo, ipinfo_body}, std::pair{SourceKind::ip_api, ip_api_body},
                                   std::pair{SourceKind::ipwhois, ipwhois_body}, std::pair{SourceKind::ipwhois_app, ipwhois_app_body}}) {
    const auto answer = read(kind, body).value();
    BOOST_TEST(answer.address.to_string() == address);
    BOOST_TEST((answer.facts == facts), "kind " << static_cast<int>(kind));
  }
  const auto mullvad = read(SourceKind::mullvad, mullvad_body).value();
  BOOST_TEST(mullvad.address.to_string() == address);
  BOOST_TEST((mullvad.facts == AddressFacts{"", "Bucharest", "", "", "Example Networks", std::nullopt}));
  const auto trace = read(SourceKind::trace, "h=service.test\nip=198.51.100.7\nloc=RO\ncolo=OTP\n").value();
  BOOST_TEST(trace.facts.country == "RO");
  BOOST_TEST(trace.colo == "OTP");
}

BOOST_AUTO_TEST_CASE(too_many_questions_are_a_limit_and_say_for_how_long) {
  for (const auto kind : json_kinds) {
    for (const long status : {429L, 403L}) {
      BOOST_TEST(refused(kind, "", status).limited);
      BOOST_TEST(refused(kind, "<html>blocked</html>", status).limited);
    }
  }
  BOOST_TEST(refused(SourceKind::trace, "error code: 1034", 403).limited);
  const SourceReply later{"service.test", 429, "", 120s};
  BOOST_TEST((read_source(SourceKind::ipinfo, later, Family::v4).error().rest == 120s));
  const SourceReply window{"service.test", 429, "", {}, "0", "33"};
  BOOST_TEST((read_source(SourceKind::ip_api, window, Family::v4).error().rest == 33s));
}

BOOST_AUTO_TEST_CASE(an_answer_that_was_the_last_of_its_window_says_so) {
  const SourceReply last{"service.test", 200, ip_api_body, {}, "0", "17"};
  BOOST_TEST((read_source(SourceKind::ip_api, last, Family::v4).value().rest == 17s));
  const SourceReply more{"service.test", 200, ip_api_body, {}, "44", "60"};
  BOOST_TEST((!read_source(SourceKind::ip_api, more, Family::v4).value().rest));
  const SourceReply vague{"service.test", 200, ip_api_body, {}, "0", "soon"};
  BOOST_TEST((read_source(SourceKind::ip_api, vague, Family::v4).value().rest == 60s));
}

BOOST_AUTO_TEST_CASE(failures_that_come_with_status_200_are_failures) {
  BOOST_TEST(!refused(SourceKind::ip_api, R"({"status":"fail","message":"private range","query":"192.168.1.1"})").limited);
  BOOST_TEST(!refused(SourceKind::ip_api, R"({"status":"fail","message":"invalid query","query":"198.51.100.7"})").limited);
  BOOST_TEST(!refused(SourceKind::ipwhois, R"({"ip":"198.51.100.7","success":false,"message":"Reserved range"})").limited);
  BOOST_TEST(refused(SourceKind::ipwhois_app, R"({"success":false,"message":"you've hit the monthly limit"})").limited);
  BOOST_TEST(
      refused(SourceKind::ipinfo, R"({"status":429,"error":{"title":"Rate limit exceeded","message":"Upgrade to increase"}})").limited);
  BOOST_TEST(refused(SourceKind::ipinfo, R"({"error":{"title":"Rate limit exceeded"}})").limited);
  const auto told = refused(SourceKind::ipwhois, R"({"success":false,"message":"Reserved range"})");
  BOOST_TEST(told.error.message == "it refused: Reserved range");
}

BOOST_AUTO_TEST_CASE(without_https_it_is_the_setting_that_is_wrong_and_no_limit) {
  const auto told =
      refused(SourceKind::ip_api,
              R"({"status":"fail","message":"SSL unavailable for this endpoint, order a key at https://members.ip-api.com/"})", 403);
  BOOST_TEST(!told.limited);
  BOOST_TEST(told.error.message.find("http://") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(other_statuses_are_failures) {
  for (const long status : {301L, 404L, 500L, 503L}) {
    const auto told = refused(SourceKind::ipwhois, R"({"success":false,"message":"404 not found"})", status);
    BOOST_TEST(!told.limited);
    BOOST_TEST(told.error.message == "it answered with status " + std::to_string(status) + ": 404 not found");
  }
}

BOOST_AUTO_TEST_CASE(pages_garbage_and_values_of_the_wrong_type_are_refused) {
  for (const auto kind : json_kinds) {
    BOOST_TEST(refused(kind, "<!doctype html><title>Login</title>").error.message.find("page") != std::string::npos);
    for (const auto* body :
         {"", "null", "[]", "7", "\"198.51.100.7\"", "{", "{}", R"({"ip":7,"query":7})", R"({"ip":null,"query":null})",
          R"({"ip":["198.51.100.7"],"query":{}})", R"({"ip":"unknown","query":"unknown"})", "{\"ip\":\"198.51.100.7\xff\"}"}) {
      BOOST_TEST(!refused(kind, body).limited);
    }
    BOOST_TEST((refused(kind, std::string(most_source_bytes + 1, ' ')).error.kind == Error::Kind::invalid));
    std::ignore = refused(kind, std::string(8000, '['));
  }
  std::ignore = refused(SourceKind::trace, "<html></html>");
}

BOOST_AUTO_TEST_CASE(facts_of_the_wrong_type_are_left_out_and_the_address_stays) {
  const auto ipwhois =
      read(SourceKind::ipwhois, R"({"ip":"198.51.100.7","country_code":"Romania","city":7,"connection":[],"timezone":null})");
  BOOST_TEST((ipwhois.value().facts == AddressFacts{}));
  const auto network = read(SourceKind::ipwhois, R"({"ip":"198.51.100.7","connection":{"asn":-1,"org":{}},"timezone":{"id":7}})");
  BOOST_TEST((network.value().facts == AddressFacts{}));
  const auto large = read(SourceKind::ipwhois_app, R"({"ip":"198.51.100.7","asn":4294967296})");
  BOOST_TEST((large.value().facts == AddressFacts{}));
}

BOOST_AUTO_TEST_CASE(an_address_of_the_other_family_or_of_no_internet_is_refused) {
  for (const auto kind : {SourceKind::ipinfo, SourceKind::mullvad}) {
    BOOST_TEST((read(kind, R"({"ip":"2001:db8::7"})").error().error.kind == Error::Kind::invalid));
    BOOST_TEST(read(kind, R"({"ip":"2001:db8::7"})", 200, Family::v6).value().address.to_string() == "2001:db8::7");
    for (const auto* ip : {"10.0.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "0.0.0.0", "224.0.0.1"}) {
      const auto told = refused(kind, R"({"ip":")" + std::string(ip) + R"("})");
      BOOST_TEST(told.error.message.find(ip) != std::string::npos);
    }
  }
  BOOST_TEST((refused(SourceKind::ipinfo, R"({"ip":"198.51.100.7","bogon":true})").error.kind == Error::Kind::invalid));
  BOOST_TEST((refused(SourceKind::trace, "ip=192.168.0.1\n").error.kind == Error::Kind::invalid));
}

BOOST_AUTO_TEST_SUITE_END()
