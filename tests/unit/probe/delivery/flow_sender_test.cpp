#include "probe/delivery/flow_sender.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/probe/delivery/sender_fixture.hpp"

namespace vpn_sentinel::test {
namespace {

struct FlowFixture : SenderFixture {
  std::unique_ptr<FlowSender> flows;
  std::vector<std::string> troubles;
  int well = 0;

  FlowFixture() {
    address.urls = {hub.url()};
    address.api_path = "/api/v1";
    address.api_key = "secret";
  }
  void start_flows() {
    FlowSender::Hooks hooks;
    hooks.paths = [this](const std::string&) {
      DeliveryPaths ways;
      ways.uplink = uplink.opener();
      ways.tunnel = tunnel.opener();
      return ways;
    };
    hooks.on_trouble = [this](const Error& why) { troubles.push_back(why.message); };
    hooks.on_well = [this] { ++well; };
    flows = FlowSender::make(io, http, dns, address, std::move(hooks));
  }
  void submit(const std::string& client, std::uint64_t seq) {
    FlowBatch batch;
    batch.client_id = client;
    batch.boot_id = "b";
    batch.seq = seq;
    batch.interval_s = 10;
    flows->submit(batch);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(flow_sender, FlowFixture)

BOOST_AUTO_TEST_CASE(a_batch_is_posted_packed_and_by_the_uplink) {
  start_flows();
  submit("a", 1);
  submit("a", 2);
  BOOST_TEST(run_until([this] { return hub.received.size() == 2; }));
  const auto& request = hub.received[0];
  BOOST_TEST(request.target == "POST /api/v1/connections");
  BOOST_TEST(request.headers.at("x-api-key") == "secret");
  BOOST_TEST(request.body.at("client_id") == "a");
  BOOST_TEST(request.body.contains("sent_at"));
  BOOST_TEST(hub.seqs() == "1 2");
  BOOST_TEST(tunnel.sockets == 0);
}

BOOST_AUTO_TEST_CASE(without_an_uplink_the_tunnel_is_taken) {
  uplink.exists = false;
  start_flows();
  submit("a", 1);
  BOOST_TEST(run_until([this] { return hub.received.size() == 1; }));
  BOOST_TEST(tunnel.sockets == 1);
}

BOOST_AUTO_TEST_CASE(a_batch_that_is_refused_is_given_up_and_the_next_one_tells_so) {
  hub.answer = [](const Received& request) {
    return request.body.at("seq") == 1 ? Answer{400, "", R"({"error":"Invalid batch"})"} : Answer{};
  };
  start_flows();
  submit("a", 1);
  BOOST_TEST(run_until([this] { return !troubles.empty(); }));
  submit("a", 2);
  BOOST_TEST(run_until([this] { return well == 1; }));
  BOOST_TEST(hub.received.back().body.at("gaps").at("batches") == 1);
}

BOOST_AUTO_TEST_CASE(a_hub_that_does_not_take_it_now_is_asked_again_with_the_same_number) {
  int asked = 0;
  hub.answer = [&asked](const Received&) { return ++asked == 1 ? Answer{503, "", R"({"error":"Service unavailable"})"} : Answer{}; };
  start_flows();
  submit("a", 1);
  BOOST_TEST(run_until([this] { return well == 1; }));
  BOOST_TEST(hub.seqs() == "1 1");
  BOOST_TEST(troubles.size() == 1U);
}

BOOST_AUTO_TEST_CASE(of_several_hubs_the_next_is_asked_when_one_is_dead) {
  boost::asio::ip::tcp::acceptor closed(io, {boost::asio::ip::address_v4::loopback(), 0});
  const auto dead = "http://127.0.0.1:" + std::to_string(closed.local_endpoint().port());
  closed.close();
  address.urls = {dead, hub.url()};
  start_flows();
  submit("a", 1);
  BOOST_TEST(run_until([this] { return well == 1; }));
  BOOST_TEST(hub.seqs() == "1");
}

BOOST_AUTO_TEST_CASE(an_older_hub_is_left_alone) {
  hub.answer = [](const Received&) { return Answer{404, "", R"({"error":"Not found"})"}; };
  start_flows();
  submit("a", 1);
  BOOST_TEST(run_until([this] { return !troubles.empty(); }));
  BOOST_TEST(troubles[0].find("older than this probe") != std::string::npos);
  submit("a", 2);
  run_ready();
  BOOST_TEST(hub.received.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace vpn_sentinel::test
