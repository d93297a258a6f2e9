#include "netns/clients/dns_client.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "tests/unit/netns_clients/dns_servers.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;
using std::chrono::milliseconds;

namespace {

struct Fixture {
  asio::io_context io;
  DnsClient client{io};
  DnsQuestion question{"whoami.cloudflare", DnsType::txt, DnsClass::ch};
  DnsOptions options;

  Result<DnsAnswer> ask(const Endpoint& server) {
    std::optional<Result<DnsAnswer>> result;
    client.ask(question, server, options, [&](Result<DnsAnswer> answer) { result = std::move(answer); });
    BOOST_TEST(!result.has_value());
    BOOST_REQUIRE(run_until(io, result));
    return *result;
  }
  Error::Kind error_from(const Endpoint& server) {
    const auto result = ask(server);
    BOOST_REQUIRE(!result);
    BOOST_TEST_MESSAGE(result.error().message);
    BOOST_TEST(!result.error().message.empty());
    return result.error().kind;
  }
};

Message changed(Message message, std::size_t at, unsigned flip) {
  message[at] ^= static_cast<std::byte>(flip);
  return message;
}

Message lower_case(Message message) {
  for (std::size_t i = 13; i < 30 && i < message.size(); ++i) {
    const auto c = std::to_integer<unsigned>(message[i]);
    if (c >= 'A' && c <= 'Z') message[i] |= std::byte{0x20};
  }
  return message;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_client, Fixture)

BOOST_AUTO_TEST_CASE(a_text_of_class_ch_comes_back_with_server_and_round_trip) {
  int sockets = 0;
  options.open_socket = counting_opener(sockets);
  UdpServer server(io, [](const Message& query) { return Messages{txt_answer(query, "198.51.100.7")}; });
  const auto answer = ask(server.endpoint()).value();
  BOOST_TEST(answer.texts.at(0) == "198.51.100.7");
  BOOST_TEST((answer.server == loopback()));
  BOOST_TEST(answer.round_trip.count() > 0);
  BOOST_TEST(!answer.over_tcp);
  BOOST_TEST(sockets == 1);
}

BOOST_AUTO_TEST_CASE(ipv6_servers_are_asked_too) {
  question = {"www.test", DnsType::aaaa, DnsClass::in};
  UdpServer server(
      io,
      [](const Message& query) {
        auto message = answer_to(query);
        add_record(message, 28, 1, bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}));
        return Messages{message};
      },
      Family::v6);
  BOOST_TEST(ask(server.endpoint()).value().addresses.at(0).to_string() == "2001:db8::9");
}

BOOST_AUTO_TEST_CASE(forged_answers_are_dropped_and_the_true_one_behind_them_is_taken) {
  UdpServer server(io, [](const Message& query) {
    const auto forged = txt_answer(query, "203.0.113.66");
    auto cut = forged;
    cut.resize(forged.size() - 3);
    auto empty_question = forged;
    empty_question[5] = std::byte{0};
    return Messages{changed(forged, 0, 1),
                    changed(forged, 1, 1),
                    changed(forged, 14, 1),
                    changed(forged, 2, 0x80),
                    empty_question,
                    cut,
                    Message{},
                    bytes({1, 2, 3}),
                    txt_answer(query, "198.51.100.7")};
  });
  const auto answer = ask(server.endpoint()).value();
  BOOST_TEST(answer.texts.at(0) == "198.51.100.7");
  BOOST_TEST(answer.dropped == 8U);
  BOOST_TEST(server.queries() == 1);
}

BOOST_AUTO_TEST_CASE(an_answer_in_the_wrong_case_does_not_hide_the_true_one) {
  UdpServer server(io, [](const Message& query) {
    return Messages{changed(txt_answer(query, "203.0.113.66"), 13, 0x20), txt_answer(query, "198.51.100.7")};
  });
  BOOST_TEST(ask(server.endpoint()).value().texts.at(0) == "198.51.100.7");
}

BOOST_AUTO_TEST_CASE(a_server_that_changes_case_is_asked_again_as_it_was_written) {
  UdpServer server(io, [](const Message& query) { return Messages{lower_case(txt_answer(query, "198.51.100.7"))}; });
  const auto answer = ask(server.endpoint()).value();
  BOOST_TEST(answer.texts.at(0) == "198.51.100.7");
  BOOST_TEST(server.queries() <= 2);
  BOOST_TEST(answer.round_trip < milliseconds{600});
}

BOOST_AUTO_TEST_CASE(a_silent_server_ends_at_the_deadline_whatever_the_number_of_tries) {
  options.timeout = milliseconds{200};
  options.retry_after = milliseconds{60};
  UdpServer server(io, [](const Message&) { return Messages{}; });
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST((error_from(server.endpoint()) == Error::Kind::timed_out));
  const auto took = std::chrono::steady_clock::now() - begin;
  BOOST_TEST((took >= milliseconds{200}));
  BOOST_TEST((took < milliseconds{1500}));
  BOOST_TEST(server.queries() >= 2);
  const std::set<unsigned short> ports(server.ports().begin(), server.ports().end());
  BOOST_TEST(ports.size() == server.ports().size());
}

BOOST_AUTO_TEST_CASE(a_lost_question_is_asked_again) {
  options.retry_after = milliseconds{50};
  int seen = 0;
  UdpServer server(io, [&](const Message& query) { return ++seen == 1 ? Messages{} : Messages{txt_answer(query, "198.51.100.7")}; });
  BOOST_TEST(ask(server.endpoint()).value().texts.at(0) == "198.51.100.7");
  BOOST_TEST(seen == 2);
}

BOOST_AUTO_TEST_CASE(the_answer_to_an_earlier_try_still_counts) {
  options.retry_after = milliseconds{50};
  std::optional<Message> first;
  asio::ip::udp::socket socket(io, asio::ip::udp::endpoint(asio::ip::address_v4::loopback(), 0));
  asio::ip::udp::endpoint first_from;
  Message buffer(2048);
  std::function<void()> receive = [&] {
    auto from = std::make_shared<asio::ip::udp::endpoint>();
    socket.async_receive_from(asio::buffer(buffer), *from, [&, from](const boost::system::error_code& error, std::size_t size) {
      if (error) return;
      if (!first) {
        first = Message(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
        first_from = *from;
        receive();
      } else {
        socket.send_to(asio::buffer(txt_answer(*first, "late")), first_from);
      }
    });
  };
  receive();
  BOOST_TEST(ask({loopback(), socket.local_endpoint().port()}).value().texts.at(0) == "late");
}

BOOST_AUTO_TEST_CASE(without_retries_there_is_one_question) {
  options.timeout = milliseconds{100};
  options.retry_after = milliseconds{0};
  UdpServer server(io, [](const Message&) { return Messages{}; });
  BOOST_TEST((error_from(server.endpoint()) == Error::Kind::timed_out));
  BOOST_TEST(server.queries() == 1);
}

BOOST_AUTO_TEST_CASE(a_closed_port_is_told_at_once) {
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST((error_from({loopback(), closed_udp_port(io)}) == Error::Kind::unreachable));
  BOOST_TEST((std::chrono::steady_clock::now() - begin < milliseconds{500}));
}

BOOST_AUTO_TEST_CASE(a_device_that_does_not_exist_is_told_at_once) {
  options.bind_device = "no-such-dev0";
  BOOST_TEST((error_from({loopback(), 53}) == Error::Kind::not_found));
}

BOOST_AUTO_TEST_CASE(a_question_bound_to_a_device_goes_there) {
  options.bind_device = "lo";
  UdpServer server(io, [](const Message& query) { return Messages{answer_to(query, 5)}; });
  BOOST_TEST(ask(server.endpoint()).value().rcode == 5);
}

BOOST_AUTO_TEST_CASE(an_opener_that_fails_is_told) {
  options.open_socket = [](int, int, int) -> Result<Fd> { return fail(Error::Kind::not_permitted, "no CAP_SYS_ADMIN"); };
  BOOST_TEST((error_from({loopback(), 53}) == Error::Kind::not_permitted));
}

BOOST_AUTO_TEST_CASE(a_name_that_is_none_is_told) {
  question.name = "a..b";
  BOOST_TEST((error_from({loopback(), 53}) == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_truncated_answer_is_fetched_over_tcp) {
  UdpServer server(io, [](const Message& query) { return Messages{changed(answer_to(query), 2, 0x02)}; });
  TcpDnsServer tcp(io, server, [](const Message& query) { return txt_answer(query, std::string(200, 'x')); });
  const auto answer = ask(server.endpoint()).value();
  BOOST_TEST(answer.over_tcp);
  BOOST_TEST(answer.texts.at(0).size() == 200U);
}

BOOST_AUTO_TEST_CASE(a_forged_answer_over_tcp_is_an_error) {
  UdpServer server(io, [](const Message& query) { return Messages{changed(answer_to(query), 2, 0x02)}; });
  TcpDnsServer tcp(io, server, [](const Message& query) { return changed(txt_answer(query, "x"), 0, 1); });
  BOOST_TEST((error_from(server.endpoint()) == Error::Kind::invalid));
}

BOOST_AUTO_TEST_CASE(a_tcp_connection_that_closes_early_or_is_refused_is_an_error) {
  UdpServer server(io, [](const Message& query) { return Messages{changed(answer_to(query), 2, 0x02)}; });
  BOOST_TEST((error_from(server.endpoint()) == Error::Kind::unreachable));
  TcpDnsServer tcp(io, server, [](const Message&) { return Message{}; });
  BOOST_TEST((error_from(server.endpoint()) == Error::Kind::failed));
}

BOOST_AUTO_TEST_CASE(many_questions_at_once_get_their_own_answers) {
  UdpServer server(io, [](const Message& query) { return Messages{txt_answer(query, "port")}; });
  int good = 0;
  std::optional<bool> all;
  for (int i = 0; i < 100; ++i) {
    client.ask(question, server.endpoint(), options, [&](const Result<DnsAnswer>& answer) {
      if (answer && answer->texts.size() == 1 && ++good == 100) all = true;
    });
  }
  BOOST_TEST(run_until(io, all));
}

BOOST_AUTO_TEST_CASE(a_question_that_is_given_up_lets_go_of_its_namespace_at_once_and_calls_nobody) {
  UdpServer silent(io, [](const Message&) { return Messages{}; });
  const auto held = std::make_shared<int>(0);
  options.open_socket = [held](int domain, int type, int protocol) -> Result<Fd> {
    ++*held;
    return Fd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  };
  const auto id = client.ask({"id.server", DnsType::txt, DnsClass::ch}, silent.endpoint(), std::exchange(options, {}),
                             [](const Result<DnsAnswer>&) { BOOST_ERROR("called"); });
  while (silent.queries() == 0) io.run_one();
  BOOST_TEST(held.use_count() > 1);
  client.cancel(id);
  BOOST_TEST(held.use_count() == 1);
  client.cancel(id);
  io.run_for(std::chrono::milliseconds{20});
  BOOST_TEST(*held == 1);
}

BOOST_AUTO_TEST_CASE(a_destroyed_client_calls_nobody) {
  UdpServer server(io, [](const Message& query) { return Messages{txt_answer(query, "x")}; });
  bool called = false;
  {
    DnsClient gone(io);
    gone.ask(question, server.endpoint(), options, [&](const Result<DnsAnswer>&) { called = true; });
    gone.ask(question, server.endpoint(), options, [&](const Result<DnsAnswer>&) { called = true; });
    io.poll_one();  // the first is under way, the second not yet begun
  }
  BOOST_TEST(ask(server.endpoint()).has_value());
  BOOST_TEST(!called);
}

BOOST_AUTO_TEST_CASE(a_handler_may_destroy_the_client) {
  UdpServer server(io, [](const Message& query) { return Messages{txt_answer(query, "x")}; });
  auto own = std::make_unique<DnsClient>(io);
  std::optional<bool> done;
  for (int i = 0; i < 2; ++i) {
    own->ask(question, server.endpoint(), options, [&](const Result<DnsAnswer>&) {
      BOOST_TEST(!done.has_value());
      own.reset();
      done = true;
    });
  }
  BOOST_TEST(run_until(io, done));
  BOOST_TEST(ask(server.endpoint()).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
