#include "hub/http/events.hpp"

#include <boost/test/unit_test.hpp>

#include "fake_engine.hpp"
#include "fake_request.hpp"
#include "hub/http/keyring.hpp"

namespace vpn_sentinel {
namespace {

std::string report(const std::string& client, int seq) {
  return R"({"schema":2,"client_id":")" + client + R"(","boot_id":"b","seq":)" + std::to_string(seq) +
         R"(,"timestamp":"2026-11-21T10:00:00Z","lease_s":30,"path":"tunnel","trigger":"change","state":"secure","findings":[]})";
}

struct Events {
  FakeEngine engine;
  std::vector<Response> answers;
  Caller caller;

  void post(const std::string& body) {
    const FakeRequest fake{.method = "POST", .path = "/api/v1/events", .body = body, .peer = "192.0.2.7"};
    auto request = fake.view();
    request.caller = caller;
    take_events(engine, request, [this](Response response) { answers.push_back(std::move(response)); });
  }
  void finish(std::size_t index, SubmitResult result) { engine.submitted.at(index).second(result); }
  [[nodiscard]] nlohmann::json results() const { return nlohmann::json::parse(answers.at(0).body).at("results"); }
};

BOOST_FIXTURE_TEST_SUITE(events, Events)

BOOST_AUTO_TEST_CASE(a_batch_is_answered_once_when_all_of_it_is_stored_and_in_its_order) {
  post(R"({"reports":[)" + report("a", 1) + "," + report("a", 2) + " ,\n" + report("b", 1) + "]}");
  BOOST_TEST_REQUIRE(engine.submitted.size() == 3U);
  BOOST_TEST(engine.submitted[1].first.report.seq == 2U);
  BOOST_TEST(engine.submitted[2].first.report.client_id == "b");
  BOOST_TEST(engine.submitted[2].first.source_address == "192.0.2.7");
  finish(2, SubmitResult::stored);
  finish(0, SubmitResult::stored);
  BOOST_TEST(answers.empty());
  finish(1, SubmitResult::duplicate);
  BOOST_TEST_REQUIRE(answers.size() == 1U);
  BOOST_TEST(answers[0].status == 200);
  const auto json = nlohmann::json::parse(answers[0].body);
  BOOST_TEST(json["status"] == "ok");
  BOOST_TEST(parse_rfc3339(json["server_time"].get<std::string>()).has_value());
  BOOST_TEST(json["results"].dump() ==
             R"([{"result":"stored","status":200},{"result":"duplicate","status":200},{"result":"stored","status":200}])");
}

BOOST_AUTO_TEST_CASE(each_report_is_judged_by_itself_also_one_that_is_no_json) {
  post(R"({"reports":[{"client_id":"a"},{"client_id":"a b"},7,{"client_id":"c",},{},)" + report("d", 1) + "]}");
  BOOST_TEST_REQUIRE(engine.submitted.size() == 2U);
  finish(0, SubmitResult::stored);
  finish(1, SubmitResult::store_failed);
  BOOST_TEST_REQUIRE(answers.size() == 1U);
  BOOST_TEST(answers[0].status == 200);
  const auto all = results();
  BOOST_TEST(all[0]["status"] == 200);
  BOOST_TEST(all[1]["error"] == "Invalid client_id format");
  BOOST_TEST(all[2]["error"] == "Invalid JSON");
  BOOST_TEST(all[3]["status"] == 400);
  BOOST_TEST(all[4]["error"] == "No JSON data provided");
  BOOST_TEST(all[5]["status"] == 503);
  BOOST_TEST(!all[5]["message"].get<std::string>().empty());
}

BOOST_AUTO_TEST_CASE(a_batch_of_nothing_but_bad_reports_is_answered_at_once) {
  post(R"({"reports":[{},7]})");
  BOOST_TEST_REQUIRE(answers.size() == 1U);
  BOOST_TEST(answers[0].status == 200);
  BOOST_TEST(results().size() == 2U);
}

BOOST_AUTO_TEST_CASE(when_nothing_could_be_stored_the_answer_is_503_with_when_to_come_back) {
  post(R"({"reports":[)" + report("a", 1) + "," + report("a", 2) + "]}");
  finish(0, SubmitResult::store_failed);
  finish(1, SubmitResult::store_failed);
  BOOST_TEST(answers.at(0).status == 503);
  BOOST_TEST(answers[0].headers.at(0).first == "Retry-After");
  const auto json = nlohmann::json::parse(answers[0].body);
  BOOST_TEST((json.contains("error") && json.contains("message")));
}

BOOST_AUTO_TEST_CASE(in_a_batch_a_new_client_without_room_is_refused_beside_those_that_are_known) {
  post(R"({"reports":[)" + report("a", 1) + "," + report("new", 2) + "]}");
  finish(0, SubmitResult::stored);
  finish(1, SubmitResult::too_many_clients);
  BOOST_TEST(answers.at(0).status == 200);
  BOOST_TEST(results()[0]["status"] == 200);
  BOOST_TEST(results()[1]["status"] == 507);
  BOOST_TEST(results()[1]["error"] == "Too many clients");
  BOOST_TEST((results()[1]["message"].get<std::string>().find("VPN_SENTINEL_SERVER_MAX_CLIENTS") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(behind_a_report_that_does_not_fit_any_more_none_is_taken) {
  engine.full = true;
  post(R"({"reports":[)" + report("a", 1) + "," + report("a", 2) + "]}");
  BOOST_TEST(engine.submitted.empty());
  BOOST_TEST(answers.at(0).status == 503);
}

BOOST_AUTO_TEST_CASE(a_key_reports_only_for_its_clients) {
  caller.key = std::make_shared<const KeyGrant>(KeyGrant{"the-key", {"a*"}, false});
  post(R"({"reports":[)" + report("a1", 1) + "," + report("b", 2) + "]}");
  BOOST_TEST_REQUIRE(engine.submitted.size() == 1U);
  BOOST_TEST(engine.submitted[0].first.key == "the-key");
  finish(0, SubmitResult::stored);
  BOOST_TEST(results()[1].dump() == R"({"error":"Authentication failed","message":"this key may not report for client 'b'","status":403})");
}

BOOST_AUTO_TEST_CASE(a_probe_that_was_enrolled_for_a_group_is_no_client_of_that_name) {
  const auto in_group = [](const std::string& client, const std::string& group) {
    auto made = nlohmann::json::parse(report(client, 1));
    made["group"] = group;
    return made.dump();
  };
  caller.key = std::make_shared<const KeyGrant>(KeyGrant{"office-2", {"office-2"}, false, std::vector<std::string>{"office"}});
  post(R"({"reports":[)" + in_group("office-2", "office") + "," + report("office", 1) + "," + in_group("office-2", "office-2") + "]}");
  BOOST_TEST_REQUIRE(engine.submitted.size() == 1U);
  finish(0, SubmitResult::stored);
  BOOST_TEST(results()[0]["status"] == 200);
  BOOST_TEST(results()[1]["message"] == "this key may not report for client 'office'");
  BOOST_TEST(results()[2]["message"] == "this key may not report for group 'office-2'");
}

BOOST_AUTO_TEST_CASE(what_is_no_batch_is_refused_with_the_field_named) {
  struct Row {
    std::string body;
    int status;
    std::string word;
  };
  std::string many = R"({"reports":[{})";
  for (int i = 0; i < 256; ++i) many += ",{}";
  many += "]}";
  for (const auto& row :
       {Row{"", 400, "empty"}, Row{"{}", 400, "reports"}, Row{"[]", 400, "reports"}, Row{"null", 400, "reports"},
        Row{R"({"report":[{}]})", 400, "reports"}, Row{R"({"reports":{}})", 400, "reports"}, Row{R"({"reports":[]})", 400, "reports"},
        Row{R"({"reports":null})", 400, "reports"}, Row{R"({"reports":[{}],"reports":[{}]})", 400, "twice"},
        Row{R"({"reports":[{},]})", 400, "malformed"}, Row{R"({"reports":[{})", 400, "malformed"},
        Row{R"({"reports":[{}]} x)", 400, "malformed"}, Row{R"({"reports":["a)", 400, "malformed"},
        Row{R"({"reports":[{}])", 400, "malformed"}, Row{"{\"reports\":[" + std::string(1000, '['), 400, "nesting"}, Row{many, 400, "256"},
        Row{std::string(max_batch_bytes + 1, ' '), 413, "bytes"}}) {
    answers.clear();
    post(row.body);
    BOOST_TEST_CONTEXT(row.body.substr(0, 60)) {
      BOOST_TEST_REQUIRE(answers.size() == 1U);
      BOOST_TEST(answers[0].status == row.status);
      BOOST_TEST(answers[0].body.find(row.word) != std::string::npos, answers[0].body);
    }
  }
  BOOST_TEST(engine.submitted.empty());
}

BOOST_AUTO_TEST_CASE(other_members_and_any_white_space_are_fine) {
  post(" {\n\"sent_at\" : \"}]\\\"\" , \"more\":[1,{\"reports\":2}],\t\"reports\" :[ " + report("a", 1) + " ] , \"last\": null } ");
  BOOST_TEST(engine.submitted.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
