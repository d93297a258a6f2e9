#include <boost/test/unit_test.hpp>

#include "fake_engine.hpp"
#include "fake_request.hpp"
#include "hub/http/connections.hpp"

namespace vpn_sentinel {
namespace {

/// Answers at once with what a test says.
class FakeFlows final : public FlowEngine, private FlowReader {
 public:
  std::vector<FlowArc> told;

  bool submit(AdmittedFlows /*admitted*/, std::function<void(FlowResult)> /*done*/) override { return false; }
  bool query(std::function<void(FlowReader&)> question) override {
    question(*this);
    return true;
  }
  const ActiveFlows& active() const override { return active_; }
  std::uint64_t taken_rows() const override { return 0; }
  bool healthy() const override { return true; }

 private:
  Result<nlohmann::json> stats(const FlowQuery& /*query*/) override { return nlohmann::json::object(); }
  Result<std::vector<FlowArc>> arcs(const FlowQuery& /*query*/) override { return told; }
  Result<Page> history(const FlowPageQuery& /*query*/) override { return Page{}; }
  Result<std::optional<WallTime>> kept_since(Resolution /*resolution*/) override { return std::nullopt; }

  ActiveFlows active_;
};

struct Connections {
  FakeEngine engine;
  FakeFlows flows;
  FlowDoor door;
  Router router;

  Connections() {
    door.open(flows);
    add_flow_read_routes(router, "/api/v1", engine, door);
  }
  void add(std::size_t count, bool outside, const std::string& country) {
    for (std::size_t i = 0; i < count; ++i) flows.told.push_back({"client-" + std::to_string(i), outside, country, {100, 10, 1, 0}});
  }
  nlohmann::json map() const {
    std::string text;
    const FakeRequest request{.path = "/api/v1/connections/map"};
    router.handle(request.view(), [&text](const Response& response) { text = response.body; });
    return nlohmann::json::parse(text);
  }
};

BOOST_FIXTURE_TEST_SUITE(connection_queries, Connections)

BOOST_AUTO_TEST_CASE(what_has_no_place_is_summed_also_where_the_lines_of_the_map_are_cut) {
  add(3, true, "DE");
  add(2, true, "");
  add(1'100, false, "NL");
  add(5, false, "");
  const auto answer = map();
  BOOST_TEST(answer["more"] == true);
  BOOST_TEST(answer["arcs"].size() == 1'000U);
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(answer["arcs"][i]["outside"] == (i < 3));
  BOOST_TEST(answer["unplaced"]["outside"]["bytes_out"] == 200);
  BOOST_TEST(answer["unplaced"]["tunnel"]["bytes_out"] == 500);
  BOOST_TEST(answer["unplaced"]["tunnel"]["opened"] == 5);
}

BOOST_AUTO_TEST_CASE(what_is_outside_and_has_no_place_is_told_after_a_thousand_lines_outside) {
  add(1'001, true, "DE");
  add(7, true, "");
  const auto answer = map();
  BOOST_TEST(answer["unplaced"]["outside"]["opened"] == 7);
  BOOST_TEST(answer["more"] == true);
}

BOOST_AUTO_TEST_CASE(a_map_that_is_just_full_is_whole) {
  add(1'000, false, "NL");
  add(1, false, "");
  BOOST_TEST(map()["more"] == false);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
