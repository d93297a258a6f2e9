// How many connections one peer may have, and who makes room when there are too many.
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <ctime>
#include <deque>

#include "hub/http/address_counts.hpp"
#include "netns/base/fd.hpp"
#include "server_fixture.hpp"

namespace vpn_sentinel {
namespace {

using namespace std::chrono_literals;
using std::string;

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

BOOST_AUTO_TEST_SUITE(limits)

BOOST_AUTO_TEST_CASE(each_v4_address_and_each_v6_64_counts_by_itself) {
  AddressCounts counts(1);
  const auto add = [&](std::string_view address) { return counts.add(AddressCounts::key_of(ip(address)), 2) != nullptr; };
  BOOST_TEST(add("192.0.2.1"));
  BOOST_TEST(add("192.0.2.1"));
  BOOST_TEST(!add("192.0.2.1"));
  BOOST_TEST(add("192.0.2.2"));
  BOOST_TEST(add("2001:db8:0:1::1"));
  BOOST_TEST(add("2001:db8:0:1:ffff::2"));
  BOOST_TEST(!add("2001:db8:0:1::3"));
  BOOST_TEST(add("2001:db8:0:2::1"));
  BOOST_TEST(add("::c000:201"));  // the bytes of 192.0.2.1
  counts.remove(*counts.find(AddressCounts::key_of(ip("192.0.2.1"))));
  BOOST_TEST(add("192.0.2.1"));
  BOOST_TEST(!add("192.0.2.1"));
}

BOOST_AUTO_TEST_CASE(when_all_connections_are_busy_a_new_one_is_told_to_come_back) {
  ListenOptions options;
  options.max_connections = 2;
  ServerFixture hub(options);
  auto first = hub.connect();
  auto second = hub.connect();
  for (auto* client : {&first, &second}) client->send(get_request("/later"));
  const auto answer_first = hub.take_waiting();
  const auto answer_second = hub.take_waiting();
  const auto refused = hub.connect().read_reply();
  BOOST_TEST(status_of(refused) == 503);
  BOOST_TEST(!header_of(refused, "Retry-After").empty());
  for (const auto& answer : {answer_first, answer_second}) answer(Response{200, "text/plain", "done", {}});
  for (auto* client : {&first, &second}) BOOST_TEST(body_of(client->read_reply()) == "done");
  first.close();
  second.close();
  BOOST_TEST(eventually([&] {
    auto again = hub.connect();
    again.send(get_request("/echo"));
    return status_of(again.read_reply()) == 200;
  }));
}

BOOST_AUTO_TEST_CASE(the_connection_that_is_idle_longest_makes_room_and_a_busy_one_never) {
  ListenOptions options;
  options.max_connections = 3;
  ServerFixture hub(options, 1);
  auto busy = hub.connect();
  busy.send(get_request("/later"));
  const auto answer = hub.take_waiting();
  auto older = hub.connect();
  auto newer = hub.connect();
  for (auto* client : {&newer, &older, &newer}) {
    client->send(get_request("/echo"));
    BOOST_TEST(status_of(client->read_reply()) == 200);
  }
  auto last = hub.connect();
  last.send(get_request("/echo"));
  BOOST_TEST(status_of(last.read_reply()) == 200);
  BOOST_TEST(older.closed_within(1s));
  newer.send(get_request("/echo"));
  BOOST_TEST(status_of(newer.read_reply()) == 200);
  answer(Response{200, "text/plain", "done", {}});
  BOOST_TEST(body_of(busy.read_reply()) == "done");
}

BOOST_AUTO_TEST_CASE(who_says_nothing_makes_room_before_those_who_were_served) {
  ListenOptions options;
  options.max_connections = 3;
  options.unfinished_patience = 20ms;
  ServerFixture hub(options, 1);
  auto served = hub.connect();
  served.send(get_request("/echo"));
  BOOST_TEST(status_of(served.read_reply()) == 200);
  auto silent = hub.connect();
  auto other = hub.connect();
  // Both are new at first, and then the served one would have to go: not before they have been silent for a while.
  BOOST_TEST(!silent.closed_within(50ms));
  auto newcomer = hub.connect();
  newcomer.send(get_request("/echo"));
  BOOST_TEST(status_of(newcomer.read_reply()) == 200);
  BOOST_TEST(silent.closed_within(1s));
  served.send(get_request("/echo"));
  BOOST_TEST(status_of(served.read_reply()) == 200);
  other.send(get_request("/echo"));
  BOOST_TEST(status_of(other.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(idle_connections_of_every_thread_make_room) {
  ListenOptions options;
  options.max_connections = 8;
  ServerFixture hub(options, 4);
  std::deque<RawClient> clients;
  for (int i = 0; i < 64; ++i) {  // which thread the kernel gives a connection to is chance
    clients.push_back(hub.connect());
    clients.back().send(get_request("/echo"));
    BOOST_TEST(status_of(clients.back().read_reply()) == 200);
  }
}

BOOST_AUTO_TEST_CASE(one_address_does_not_take_all_connections) {
  ListenOptions options;
  options.max_per_address = 2;
  ServerFixture hub(options);
  auto first = hub.connect();
  auto second = hub.connect_from("127.0.0.1");
  for (auto* client : {&first, &second}) client->send(get_request("/later"));
  const std::array answers{hub.take_waiting(), hub.take_waiting()};
  BOOST_TEST(status_of(hub.connect().read_reply()) == 503);
  auto other = hub.connect_from("127.0.0.2");
  other.send(get_request("/echo"));
  BOOST_TEST(status_of(other.read_reply()) == 200);
  for (const auto& answer : answers) answer(Response{200, "text/plain", "done", {}});
  for (auto* client : {&first, &second}) BOOST_TEST(body_of(client->read_reply()) == "done");
  auto again = hub.connect();
  again.send(get_request("/echo"));
  BOOST_TEST(status_of(again.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(an_address_with_all_its_connections_open_makes_room_among_its_own) {
  for (const unsigned threads : {1U, 4U}) {
    ListenOptions options;
    options.max_per_address = 3;
    ServerFixture hub(options, threads);
    auto stranger = hub.connect_from("127.0.0.2");
    auto busy = hub.connect();
    busy.send(get_request("/later"));
    const auto answer = hub.take_waiting();
    auto older = hub.connect();
    auto newer = hub.connect();
    for (auto* client : {&stranger, &newer, &older, &newer}) {
      client->send(get_request("/echo"));
      BOOST_TEST(status_of(client->read_reply()) == 200);
    }
    auto last = hub.connect();
    last.send(get_request("/echo"));
    BOOST_TEST(status_of(last.read_reply()) == 200);
    if (threads == 1) BOOST_TEST(older.closed_within(1s));  // each thread knows the ages of its own
    stranger.send(get_request("/echo"));
    BOOST_TEST(status_of(stranger.read_reply()) == 200);
    answer(Response{200, "text/plain", "done", {}});
    BOOST_TEST(body_of(busy.read_reply()) == "done");
  }
}

BOOST_AUTO_TEST_CASE(unfinished_headers_make_room_oldest_first_however_they_drip) {
  ListenOptions options;
  options.max_connections = 3;
  options.unfinished_patience = 50ms;
  ServerFixture hub(options, 1);
  auto served = hub.connect();
  served.send(get_request("/echo"));
  BOOST_TEST(status_of(served.read_reply()) == 200);
  auto drip = hub.connect();
  drip.send("GET /echo HTTP/1.1\r\n");
  BOOST_TEST(!drip.closed_within(20ms));
  auto later = hub.connect();
  later.send("GET /echo HTTP/1.1\r\nHost: hub\r\n");
  for (int i = 0; i < 6; ++i) {
    drip.send("X: y\r\n");
    BOOST_TEST(!drip.closed_within(10ms));
  }
  auto newcomer = hub.connect();
  newcomer.send(get_request("/echo"));
  BOOST_TEST(status_of(newcomer.read_reply()) == 200);
  BOOST_TEST(drip.closed_within(1s));
  later.send("\r\n");
  BOOST_TEST(status_of(later.read_reply()) == 200);
  served.send(get_request("/echo"));
  BOOST_TEST(status_of(served.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(headers_that_have_only_just_begun_do_not_make_room) {
  ListenOptions options;
  options.max_per_address = 1;
  options.unfinished_patience = 1h;
  ServerFixture hub(options, 1);
  auto slow = hub.connect();
  slow.send(get_request("/echo") + "GET /echo HTTP/1.1\r\n");
  BOOST_TEST(status_of(slow.read_reply()) == 200);
  BOOST_TEST(status_of(hub.connect().read_reply()) == 503);
  slow.send("Host: hub\r\n\r\n");
  BOOST_TEST(status_of(slow.read_reply()) == 200);
}

BOOST_AUTO_TEST_CASE(all_unfinished_headers_end_at_their_time) {
  ListenOptions options;
  options.header_timeout = 200ms;
  ServerFixture hub(options, 1);
  std::deque<RawClient> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(hub.connect());
    clients.back().send("GET /echo HTTP/1.1\r\n");
  }
  const auto start = std::chrono::steady_clock::now();
  for (auto& client : clients) BOOST_TEST(status_of(client.read_reply()) == 408);
  BOOST_TEST((std::chrono::steady_clock::now() - start < 1s));  // one with each sweep (20 ms) would be 1.2 s
}

/// Lets the process open no more files, but for `spare`.
class FewFiles {
 public:
  explicit FewFiles(rlim_t spare) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest = dup(0);
    close(lowest);
    auto few = before_;
    few.rlim_cur = static_cast<rlim_t>(lowest) + spare;
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewFiles() { lift(); }
  FewFiles(const FewFiles&) = delete;
  FewFiles& operator=(const FewFiles&) = delete;
  void lift() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

/// One that needs no more than one descriptor.
Fd connect_plainly(const Endpoint& server) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = server.to_sockaddr(address);
  BOOST_TEST_REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
  BOOST_TEST(send(fd.get(), get_request("/echo").data(), get_request("/echo").size(), MSG_NOSIGNAL) > 0);
  return fd;
}

bool answers_within(const Fd& fd, std::chrono::milliseconds limit) {
  pollfd wait{fd.get(), POLLIN, 0};
  return poll(&wait, 1, static_cast<int>(limit.count())) == 1;
}

BOOST_AUTO_TEST_CASE(without_descriptors_the_server_waits_and_does_not_spin) {
  ServerFixture hub;
  FewFiles few(1);
  const auto client = connect_plainly(hub.endpoint());
  const auto before = std::clock();
  BOOST_TEST(!answers_within(client, 300ms));
  BOOST_TEST(std::clock() - before < CLOCKS_PER_SEC / 10);
  few.lift();
  BOOST_TEST(answers_within(client, 5s));
}

BOOST_AUTO_TEST_CASE(without_descriptors_an_idle_connection_makes_room) {
  ServerFixture hub({}, 1);
  auto idle = hub.connect();
  idle.send(get_request("/echo"));
  BOOST_TEST(status_of(idle.read_reply()) == 200);
  const FewFiles few(1);
  const auto client = connect_plainly(hub.endpoint());
  BOOST_TEST(answers_within(client, 5s));
  BOOST_TEST(idle.closed_within(1s));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace vpn_sentinel
