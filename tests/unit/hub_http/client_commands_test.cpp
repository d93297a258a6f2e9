#include "hub/app/client_commands.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <thread>

#include "hub/app/forget_request.hpp"
#include "hub_fixture.hpp"
#include "netns/base/fatal_error.hpp"
#include "raw_client.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;

const std::string report = R"({"client_id":"office","public_ip":"198.51.100.2"})";

std::string ask_for(Hub& hub, const std::string& path) {
  RawClient client(endpoint_of(hub, "api"));
  client.send(get(path));
  return client.read_reply();
}

void send_report(Hub& hub) {
  RawClient client(endpoint_of(hub, "api"));
  client.send(post(report));
  BOOST_REQUIRE(status_of(client.read_reply()) == 200);
}

struct WithData : HubFolder {
  const std::string data = folder + "/data";
};

BOOST_FIXTURE_TEST_SUITE(client_commands, WithData)

BOOST_AUTO_TEST_CASE(the_running_hub_forgets_a_client_and_keeps_its_history) {
  Hub hub(config());
  send_report(hub);
  int code = -1;
  std::atomic<bool> done{false};
  std::thread command([&] {
    code = forget_client_command(data, "office");
    done = true;
  });
  while (!done) {
    static_cast<void>(hub.turn());
    std::this_thread::sleep_for(10ms);
  }
  command.join();
  BOOST_TEST(code == 0);
  BOOST_TEST(status_of(ask_for(hub, "/api/v1/clients/office")) == 404);
  send_report(hub);
  const auto history = body_of(ask_for(hub, "/api/v1/clients/office/history"));
  const auto first = history.find("\"connected\"");
  BOOST_TEST_REQUIRE(first != std::string::npos);
  BOOST_TEST(history.find("\"connected\"", first + 1) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_wish_without_a_hub_is_told_and_fulfilled_by_the_next_one) {
  {
    Hub hub(config());
    send_report(hub);
    BOOST_TEST(forget_client_command(data, "nobody") == 1);
  }
  BOOST_CHECK_EXCEPTION(forget_client_command(data, "office", 1ms), FatalError,
                        [](const FatalError& error) { return error.exit_code() == 69; });
  Hub next(config());
  for (int i = 0; i < 1000 && !read_forget_request(data).value().empty(); ++i) {
    static_cast<void>(next.turn());
    std::this_thread::sleep_for(10ms);
  }
  BOOST_TEST(read_forget_request(data).value().empty());
  BOOST_TEST(status_of(ask_for(next, "/api/v1/clients/office")) == 404);
}

BOOST_AUTO_TEST_CASE(what_names_no_client_is_refused) {
  BOOST_CHECK_EXCEPTION(forget_client_command(data, "../x", 1ms), FatalError,
                        [](const FatalError& error) { return error.exit_code() == 64; });
  BOOST_CHECK_EXCEPTION(forget_client_command(data, "office", 1ms), FatalError,
                        [](const FatalError& error) { return error.exit_code() == 66; });
  Hub hub(config());
  std::ofstream(forget_request_path(data)) << "no client/id\n";
  BOOST_TEST(!read_forget_request(data).has_value());
  static_cast<void>(hub.turn());
  BOOST_TEST(read_forget_request(data).value().empty());
}

BOOST_AUTO_TEST_CASE(one_wish_waits_at_a_time) {
  std::filesystem::create_directories(data);
  BOOST_TEST(leave_forget_request(data, "a").value());
  BOOST_TEST(!leave_forget_request(data, "b").value());
  BOOST_TEST(read_forget_request(data).value() == "a");
  remove_forget_request(data);
  BOOST_TEST(leave_forget_request(data, "group:b").value());
  BOOST_TEST(read_forget_request(data).value() == "group:b");
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(data), {}) == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
