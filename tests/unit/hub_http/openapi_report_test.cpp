/// What the API takes, against what its document says.
#include <boost/test/unit_test.hpp>
#include <utility>
#include <vector>

#include "running_hub.hpp"

namespace vpn_sentinel {
namespace {

using namespace test;

BOOST_FIXTURE_TEST_SUITE(openapi_report, RunningHub)

BOOST_AUTO_TEST_CASE(a_report_fits_the_document_exactly_when_the_hub_takes_it) {
  const auto good = json::parse(report(1, "danger", danger_finding));
  const std::vector<std::pair<std::string, bool>> changes{{R"({})", true},
                                                          {R"({"seq":9223372036854775807})", true},
                                                          {R"({"seq":9223372036854775808})", false},
                                                          {R"({"seq":0})", false},
                                                          {R"({"seq":null})", false},
                                                          {R"({"lease_s":604800})", true},
                                                          {R"({"lease_s":604801})", false},
                                                          {R"({"lease_s":0})", false},
                                                          {R"({"boot_id":"B-1"})", true},
                                                          {R"({"boot_id":"a b"})", false},
                                                          {R"({"boot_id":""})", false},
                                                          {R"({"boot_id":null})", false},
                                                          {R"({"state":null})", false},
                                                          {R"({"state":null,"trigger":"stop"})", true},
                                                          {R"({"trigger":"Drop Table"})", false},
                                                          {R"({"latency_ms":86400000})", true},
                                                          {R"({"latency_ms":86400001})", false},
                                                          {R"({"findings":[{"code":"tunnel_down","severity":"danger"}]})", true},
                                                          {R"({"findings":[{"code":"Tunnel down","severity":"danger"}]})", false},
                                                          {R"({"schema":null})", false},
                                                          {R"({"schema":null,"boot_id":null,"state":null})", false},
                                                          {R"({"schema":null,"boot_id":null,"findings":null})", false},
                                                          {R"({"schema":null,"boot_id":null,"state":null,"findings":null})", true},
                                                          {R"({"schema":1,"boot_id":null,"seq":null,"state":null})", true}};
  int number = 1;
  for (const auto& [change, fits] : changes) {
    auto body = good;
    body["seq"] = ++number;
    body.merge_patch(json::parse(change));  // null takes a member away
    const auto reply = post(body.dump());
    BOOST_TEST_CONTEXT(change << ": " << reply) {
      BOOST_TEST(status_of(reply) == (fits ? 200 : 400));
      BOOST_TEST(checker.check(body, document["components"]["schemas"]["Report"]).empty() == fits);
    }
    check(reply, "/keepalive", "post");
  }
}

BOOST_AUTO_TEST_CASE(a_packed_report_is_answered_as_documented) {
  for (const std::string path : {"/keepalive", "/events"}) {
    auto peer = connect("api");
    peer.send("POST /api/v1" + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b");
    const auto reply = peer.read_reply();
    BOOST_TEST(status_of(reply) == 415);
    check(reply, path, "post");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
