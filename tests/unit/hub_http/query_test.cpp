#include "hub/http/query.hpp"

#include <boost/test/unit_test.hpp>

#include "fake_engine.hpp"
#include "fake_request.hpp"

namespace vpn_sentinel {
namespace {

struct Query {
  FakeEngine engine;
  Router router;

  Query() {
    add_read_routes(router, "/api/v1", engine);
    engine.add(client_of("a", State::secure));
  }
  Response ask(const FakeRequest& request) const {
    Response answer{0, "", "nothing", {}};
    router.handle(request.view(), [&](Response response) { answer = std::move(response); });
    return answer;
  }
  Response get(const std::string& path, const std::string& query = {}) const { return ask({.path = "/api/v1" + path, .query = query}); }
  nlohmann::json json(const std::string& path, const std::string& query = {}) const { return nlohmann::json::parse(get(path, query).body); }
};

std::vector<std::string> ids_of(const nlohmann::json& answer) {
  std::vector<std::string> ids;
  for (const auto& client : answer["clients"]) ids.push_back(client["client_id"]);
  return ids;
}

using Ids = std::vector<std::string>;

BOOST_FIXTURE_TEST_SUITE(query, Query)

BOOST_AUTO_TEST_CASE(clients_come_page_by_page_and_each_once) {
  for (const auto* id : {"b", "c", "d", "e"}) engine.add(client_of(id, State::danger));
  BOOST_TEST(ids_of(json("/clients")) == (Ids{"a", "b", "c", "d", "e"}));
  BOOST_TEST(!json("/clients").contains("next"));
  const auto first = json("/clients", "limit=2");
  BOOST_TEST(ids_of(first) == (Ids{"a", "b"}));
  BOOST_TEST(first["next"] == "b");
  const auto second = json("/clients", "limit=2&after=b");
  BOOST_TEST(ids_of(second) == (Ids{"c", "d"}));
  const auto third = json("/clients", "limit=2&after=d");
  BOOST_TEST(ids_of(third) == (Ids{"e"}));
  BOOST_TEST(!third.contains("next"));
  BOOST_TEST(!json("/clients", "limit=5").contains("next"));
}

BOOST_AUTO_TEST_CASE(a_page_of_one_state_has_a_next_only_when_more_of_that_state_follow) {
  engine.add(client_of("b", State::danger));
  engine.add(client_of("c", State::danger));
  engine.add(client_of("d", State::secure));
  BOOST_TEST(ids_of(json("/clients", "state=danger")) == (Ids{"b", "c"}));
  BOOST_TEST(json("/clients", "state=danger&limit=1")["next"] == "b");
  BOOST_TEST(!json("/clients", "state=danger&limit=2").contains("next"));
  BOOST_TEST(ids_of(json("/clients", "state=offline")).empty());
}

BOOST_AUTO_TEST_CASE(an_id_may_come_in_escapes) {
  engine.add(client_of("group:office", State::secure));
  for (const auto* path : {"/clients/group:office", "/clients/group%3Aoffice", "/clients/group%3aoffic%65", "/clients/%61"}) {
    BOOST_TEST_CONTEXT(path) { BOOST_TEST(get(path).status == 200); }
  }
  BOOST_TEST(get("/clients/group%3Aoffice/history").status == 200);
  BOOST_TEST(engine.reader.asked.client_id == "group:office");
  BOOST_TEST(get("/clients/a%2Fhistory").status == 404);
  BOOST_TEST(get("/clients/%FF%c3").status == 404);  // no UTF-8
}

BOOST_AUTO_TEST_CASE(questions_reach_the_store_as_they_were_asked) {
  const std::string range = "from=2026-11-21T10:00:00Z&to=2026-11-21T11:00:00%2B01:00";
  BOOST_TEST(get("/clients/a/history", range).status == 400);  // from 10:00Z to 10:00Z there is nothing
  const auto from = parse_rfc3339("2026-11-21T10:00:00Z").value();
  const auto to = parse_rfc3339("2026-11-21T10:30:00Z").value();
  const std::string half = "from=2026-11-21T10:00:00Z&to=2026-11-21T11:30:00+01:00";
  BOOST_TEST(get("/clients/a/history", half + "&kind=went_offline&cursor=12&limit=7").status == 200);
  const auto& history = engine.reader.asked;
  BOOST_TEST(history.client_id == "a");
  BOOST_TEST((history.range.from == from && history.range.to == to && history.kind == Change::Kind::went_offline));
  BOOST_TEST((history.cursor == 12 && history.most == 7));
  BOOST_TEST(get("/clients/a/samples", half + "&resolution=minute&cursor=5").status == 200);
  const auto& samples = engine.reader.asked_samples;
  BOOST_TEST((samples.client_id == "a" && samples.resolution == Resolution::minute && samples.range.from == from && samples.cursor == 5));
  BOOST_TEST(get("/clients/a/samples").status == 200);
  BOOST_TEST((engine.reader.asked_samples.resolution == Resolution::hour && !engine.reader.asked_samples.cursor));
  BOOST_TEST(get("/clients/a/reports", half + "&limit=1000").status == 200);
  BOOST_TEST((engine.reader.asked_reports.range.to == to && engine.reader.asked_reports.most == 1000));
  BOOST_TEST(get("/incidents", half + "&client=a&open=true&cursor=3").status == 200);
  const auto& incidents = engine.reader.asked_incidents;
  BOOST_TEST((incidents.client_id == "a" && incidents.open_only && incidents.range.from == from && incidents.cursor == 3));
  BOOST_TEST(get("/incidents", "open=false").status == 200);
  BOOST_TEST((!engine.reader.asked_incidents.client_id && !engine.reader.asked_incidents.open_only));
}

BOOST_AUTO_TEST_CASE(each_list_has_its_name_and_the_cursor_of_the_next_page) {
  engine.reader.page.items = nlohmann::json::array({{{"x", 1}}});
  engine.reader.page.next = 9'007'199'254'740'993;
  const std::vector<std::pair<std::string, std::string>> lists{
      {"/clients/a/history", "changes"}, {"/clients/a/samples", "samples"}, {"/clients/a/reports", "reports"}, {"/incidents", "incidents"}};
  for (const auto& [path, name] : lists) {
    const auto answer = json(path);
    BOOST_TEST(answer[name][0]["x"] == 1);
    BOOST_TEST(answer["next"] == "9007199254740993");  // text: a number of this size would not survive a browser
  }
  engine.reader.page.next.reset();
  BOOST_TEST(!json("/incidents").contains("next"));
}

BOOST_AUTO_TEST_CASE(a_wrong_parameter_is_400_with_name_value_and_what_was_expected) {
  struct Row {
    std::string path, query, expected;
  };
  for (const auto& row : {
           Row{"/clients", "limit=0", "limit = '0': expected a number from 1 to 1000"},
           Row{"/clients", "state=green", "state = 'green': expected one of secure, warning, contained, danger, offline"},
           Row{"/clients", "after=%2F", "after = '/': expected a client id of 1-100 characters out of A-Z a-z 0-9 . _ -"},
           Row{"/clients", "from=2026-11-21T10:00:00Z", "from = '2026-11-21T10:00:00Z': expected only the parameters limit, after, state"},
           Row{"/clients/a/history", "from=yesterday", "from = 'yesterday': expected an RFC 3339 time such as 2026-11-21T10:15:30Z"},
           Row{"/clients/a/history", "cursor=-1", "cursor = '-1': expected the `next` of the page before"},
           Row{"/clients/a/history", "kind=x",
               "kind = 'x': expected one of connected, state_changed, address_changed, went_offline, came_back"},
           Row{"/clients/a/history", "limit=1&limit=2", "limit = '2': expected it only once"},
           Row{"/clients/a/samples", "resolution=year", "resolution = 'year': expected one of minute, hour, day"},
           Row{"/clients/a/reports", "to=%zz", "to = 'to=%zz': expected two hexadecimal digits after each %"},
           Row{"/incidents", "open=yes", "open = 'yes': expected one of true, false"},
           Row{"/incidents", "from=2026-11-21T10:00:00Z&to=2026-11-21T10:00:00Z",
               "from = '2026-11-21T10:00:00Z': expected a time before `to`"},
       }) {
    BOOST_TEST_CONTEXT(row.path << "?" << row.query) {
      const auto answer = get(row.path, row.query);
      BOOST_TEST(answer.status == 400);
      const std::string message = nlohmann::json::parse(answer.body)["message"];
      BOOST_TEST(message == row.expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(nobody_unknown_has_an_empty_and_therefore_reassuring_answer) {
  for (const auto* path : {"/clients/b", "/clients/b/history", "/clients/b/samples", "/clients/b/reports"}) {
    BOOST_TEST_CONTEXT(path) { BOOST_TEST(get(path).status == 404); }
  }
  BOOST_TEST(get("/incidents", "client=b").status == 404);
  BOOST_TEST(get("/incidents", "client=a").status == 200);
  engine.reader.page.items = nlohmann::json::array({{{"client_id", "b"}}});  // forgotten, but it had incidents
  BOOST_TEST(get("/incidents", "client=b").status == 200);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_503_with_when_to_try_again) {
  engine.reader.works = false;
  for (const auto* path : {"/clients/a/history", "/clients/a/samples", "/clients/a/reports", "/incidents"}) {
    const auto answer = get(path);
    BOOST_TEST(answer.status == 503);
    BOOST_TEST(answer.headers.at(0).first == "Retry-After");
  }
  engine.too_many_questions = true;
  BOOST_TEST(get("/incidents").status == 503);
}

BOOST_AUTO_TEST_CASE(what_has_not_changed_is_304_and_what_has_is_not) {
  const auto tag_of_answer = [](const Response& response) { return response.headers.at(0).second; };
  for (const auto* path : {"/status", "/clients", "/clients/a", "/clients/a/history", "/incidents"}) {
    BOOST_TEST_CONTEXT(path) {
      const auto tag = tag_of_answer(get(path));
      const FakeRequest again{.path = std::string("/api/v1") + path, .headers = {{"If-None-Match", tag}}};
      BOOST_TEST(ask(again).status == 304);
      BOOST_TEST(ask(again).body.empty());
    }
  }
  const FakeRequest status{.path = "/api/v1/status", .headers = {{"If-None-Match", tag_of_answer(get("/status"))}}};
  auto changed = client_of("a", State::danger);
  changed.last_report.public_ip = "198.51.100.9";
  engine.add(changed);
  BOOST_TEST(ask(status).status == 200);
}

BOOST_AUTO_TEST_CASE(status_follows_every_change_of_who_is_there) {
  const auto addresses = [this] {
    std::string text;
    const auto answer = json("/status");
    for (const auto& [id, record] : answer.items()) text += id + "=" + record["ip"].get<std::string>() + " ";
    return text;
  };
  const auto with_address = [](const std::string& id, const std::string& address) {
    auto client = client_of(id, State::secure);
    client.last_report.public_ip = address;
    return client;
  };
  engine.add(with_address("b", "198.51.100.2"));
  engine.add(with_address("d", "198.51.100.4"));
  BOOST_TEST(addresses() == "a=unknown b=198.51.100.2 d=198.51.100.4 ");
  engine.add(with_address("c", "198.51.100.3"));
  BOOST_TEST(addresses() == "a=unknown b=198.51.100.2 c=198.51.100.3 d=198.51.100.4 ");
  engine.add(with_address("b", "198.51.100.22"));
  engine.known.erase("a");
  BOOST_TEST(addresses() == "b=198.51.100.22 c=198.51.100.3 d=198.51.100.4 ");
  engine.add(client_of("c", State::offline));
  BOOST_TEST(addresses() == "b=198.51.100.22 d=198.51.100.4 ");
  engine.add(with_address("c", "198.51.100.33"));
  BOOST_TEST(addresses() == "b=198.51.100.22 c=198.51.100.33 d=198.51.100.4 ");
  engine.known.clear();
  BOOST_TEST(get("/status").body == "{}\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
