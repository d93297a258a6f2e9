#include "hub/http/router.hpp"

#include <boost/test/unit_test.hpp>

#include "fake_request.hpp"

namespace vpn_sentinel {
namespace {

Router example() {
  Router router;
  const auto says = [](std::string word) {
    return [word](const Request&, std::string_view parameter, const Respond& respond) {
      respond(Response{200, "text/plain", word + " " + std::string(parameter), {}});
    };
  };
  router.add("GET", "/clients", says("list"));
  router.add("GET", "/clients/{id}", says("one"));
  router.add("DELETE", "/clients/{id}", says("delete"));
  router.add("GET", "/clients/{id}/history", says("history"));
  router.add("POST", "/keepalive", says("post"));
  return router;
}

Response ask(const std::string& method, const std::string& path) {
  const FakeRequest request{.method = method, .path = path};
  Response answer{0, "", "nothing", {}};
  example().handle(request.view(), [&](Response response) { answer = std::move(response); });
  return answer;
}

std::string allow_of(const Response& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "Allow") return value;
  }
  return {};
}

BOOST_AUTO_TEST_SUITE(router)

BOOST_AUTO_TEST_CASE(method_and_path_choose_the_handler) {
  BOOST_TEST(ask("GET", "/clients").body == "list ");
  BOOST_TEST(ask("GET", "/clients/a").body == "one a");
  BOOST_TEST(ask("DELETE", "/clients/a").body == "delete a");
  BOOST_TEST(ask("GET", "/clients/a/history").body == "history a");
  BOOST_TEST(ask("GET", "/clients/history/history").body == "history history");
  BOOST_TEST(ask("POST", "/keepalive").body == "post ");
}

BOOST_AUTO_TEST_CASE(paths_that_only_look_alike_are_not_found) {
  for (const auto* path :
       {"/", "/client", "/clients/", "/clients//history", "/clients/a/b", "/clients/a/history/", "/CLIENTS", "/clients/a/b/history"}) {
    BOOST_TEST_CONTEXT(path) { BOOST_TEST(ask("GET", path).status == 404); }
  }
}

BOOST_AUTO_TEST_CASE(a_parameter_is_decoded_once) {
  BOOST_TEST(ask("GET", "/clients/group%3Ag").body == "one group:g");
  BOOST_TEST(ask("GET", "/clients/group%3ag/history").body == "history group:g");
  BOOST_TEST(ask("GET", "/clients/grp%31").body == "one grp1");
  BOOST_TEST(ask("GET", "/clients/%2531").body == "one %31");
}

BOOST_AUTO_TEST_CASE(an_escape_leads_to_no_other_route) {
  BOOST_TEST(ask("GET", "/clients/a%2Fhistory").body == "one a/history");
  BOOST_TEST(ask("GET", "/clients/..%2F..").body == "one ../..");
  for (const auto* path : {"/cl%69ents", "/clients%2Fa", "/%63lients/a", "/clients/a/h%69story"}) {
    BOOST_TEST_CONTEXT(path) {
      BOOST_TEST(ask("GET", path).status == 404);
      BOOST_TEST(!example().serves(path));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_malformed_escape_and_control_characters_are_refused) {
  for (const auto* path :
       {"/clients/%", "/clients/a%2", "/clients/%zz", "/clients/%-1", "/clients/%00", "/clients/a%0a", "/clients/%7f/history"}) {
    BOOST_TEST_CONTEXT(path) { BOOST_TEST(ask("GET", path).status == 400); }
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_method_is_told_the_right_ones) {
  const auto one = ask("PUT", "/clients/a");
  BOOST_TEST(one.status == 405);
  BOOST_TEST(allow_of(one) == "GET, HEAD, DELETE, OPTIONS");
  BOOST_TEST(allow_of(ask("GET", "/keepalive")) == "POST, OPTIONS");
}

BOOST_AUTO_TEST_CASE(options_tells_the_methods_without_a_body) {
  const auto answer = ask("OPTIONS", "/keepalive");
  BOOST_TEST(answer.status == 200);
  BOOST_TEST(answer.body.empty());
  BOOST_TEST(allow_of(answer) == "POST, OPTIONS");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
