#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <utility>

#include "netns/clients/stun_client.hpp"
#include "netns/clients/stun_message.hpp"
#include "tests/unit/netns_clients/dns_servers.hpp"

using namespace vpn_sentinel;
using namespace vpn_sentinel::test;

namespace {

/// A Binding success (or another type) with the request's cookie and id, and these attributes.
Message reply_to(const Message& request, const Message& attributes, unsigned type = 0x0101) {
  Message message;
  put16(message, type);
  put16(message, static_cast<unsigned>(attributes.size()));
  message.insert(message.end(), request.begin() + 4, request.begin() + 20);
  message.insert(message.end(), attributes.begin(), attributes.end());
  return message;
}

Message attribute(unsigned type, const Message& value) {
  Message message;
  put16(message, type);
  put16(message, static_cast<unsigned>(value.size()));
  message.insert(message.end(), value.begin(), value.end());
  while (message.size() % 4 != 0) message.push_back(std::byte{});
  return message;
}

/// 198.51.100.7, port 43305: what coturn answered as 0020 0008 0001 883b e721c045.
Message xor_mapped() { return attribute(0x20, bytes({0, 1, 0x88, 0x3b, 0xe7, 0x21, 0xc0, 0x45})); }

Message as_message(const StunRequest& request) { return {request.begin(), request.end()}; }

Result<Endpoint> read(const Message& attributes, unsigned type = 0x0101) {
  const auto request = make_stun_request();
  const auto answer = reply_to(as_message(request), attributes, type);
  BOOST_REQUIRE(is_stun_answer(request, answer));
  return read_stun_answer(request, answer);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stun_message)

BOOST_AUTO_TEST_CASE(a_request_is_twenty_bytes_with_a_random_id) {
  const auto request = make_stun_request();
  BOOST_TEST((as_message(request).size() == 20));
  BOOST_TEST((Message(request.begin(), request.begin() + 8) == bytes({0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})));
  BOOST_TEST((make_stun_request() != request));
}

BOOST_AUTO_TEST_CASE(the_masked_address_is_read_as_coturn_sends_it) {
  BOOST_TEST(read(xor_mapped()).value().to_string() == "198.51.100.7:43305");
  // SOFTWARE before it, with a length that needs padding.
  auto attributes = attribute(0x8022, bytes({'c', 'o', 't', 'u', 'r'}));
  const auto address = xor_mapped();
  attributes.insert(attributes.end(), address.begin(), address.end());
  BOOST_TEST(read(attributes).value().to_string() == "198.51.100.7:43305");
}

BOOST_AUTO_TEST_CASE(an_ipv6_address_is_masked_with_the_transaction_id_too) {
  const auto request = make_stun_request();
  Message value = bytes({0, 2, 0x21 ^ 0x0d, 0x12 ^ 0x96});
  const auto address = IpAddress::parse("2001:db8::7").value();
  for (std::size_t i = 0; i < 16; ++i) value.push_back(static_cast<std::byte>(address.bytes()[i]) ^ request[4 + i]);
  const auto answer = reply_to(as_message(request), attribute(0x20, value));
  BOOST_TEST(read_stun_answer(request, answer).value().to_string() == "[2001:db8::7]:3478");
}

BOOST_AUTO_TEST_CASE(an_old_server_sends_the_address_as_it_is) {
  BOOST_TEST(read(attribute(1, bytes({0, 1, 0x0d, 0x96, 198, 51, 100, 7}))).value().to_string() == "198.51.100.7:3478");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_with_its_code) {
  const auto refused = read(attribute(9, bytes({0, 0, 4, 20, 'n', 'o'})), 0x0111);
  BOOST_TEST((refused.error().kind == Error::Kind::unavailable));
  BOOST_TEST(refused.error().message.find("420") != std::string::npos);
  BOOST_TEST(!read({}, 0x0111));
}

BOOST_AUTO_TEST_CASE(broken_attributes_are_an_error_and_no_address) {
  const Message rows[] = {
      {},
      bytes({0, 0x20, 0, 8}),
      bytes({0, 0x20, 0xff, 0xff, 0, 1, 0, 0}),
      attribute(0x20, bytes({0, 1, 0x88, 0x3b})),
      attribute(0x20, bytes({0, 3, 0x88, 0x3b, 1, 2, 3, 4})),
      attribute(0x20, bytes({0, 2, 0x88, 0x3b, 1, 2, 3, 4})),
      attribute(0x20, bytes({0, 1})),
      attribute(0x20, {}),
  };
  for (const auto& row : rows) {
    const auto address = read(row);
    BOOST_REQUIRE(!address);
    BOOST_TEST((address.error().kind == Error::Kind::invalid));
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_repeat_the_whole_id_is_no_answer) {
  const auto request = make_stun_request();
  const auto good = reply_to(as_message(request), xor_mapped());
  BOOST_TEST(is_stun_answer(request, good));
  for (std::size_t at = 4; at < 20; ++at) {
    auto forged = good;
    forged[at] ^= std::byte{1};
    BOOST_TEST(!is_stun_answer(request, forged));
  }
  BOOST_TEST(!is_stun_answer(request, as_message(request)));  // our own request, sent back
  for (std::size_t size = 0; size < good.size(); ++size) BOOST_TEST(!is_stun_answer(request, std::span{good}.first(size)));
  auto odd = good;
  odd[3] = std::byte{11};
  BOOST_TEST(!is_stun_answer(request, odd));
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

struct Fixture {
  asio::io_context io;
  StunClient client{io};
  StunOptions options;

  Result<StunAnswer> ask(const Endpoint& server) {
    std::optional<Result<StunAnswer>> result;
    client.bind(server, options, [&](Result<StunAnswer> answer) { result = std::move(answer); });
    BOOST_TEST(!result.has_value());
    BOOST_REQUIRE(run_until(io, result));
    return *result;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(stun_client, Fixture)

BOOST_AUTO_TEST_CASE(the_mapped_address_comes_back_and_one_socket_is_enough) {
  int sockets = 0;
  options.open_socket = counting_opener(sockets);
  UdpServer server(io, [](const Message& request) { return Messages{reply_to(request, xor_mapped())}; });
  const auto answer = ask(server.endpoint()).value();
  BOOST_TEST(answer.mapped.to_string() == "198.51.100.7:43305");
  BOOST_TEST(answer.round_trip.count() > 0);
  BOOST_TEST(sockets == 1);
}

BOOST_AUTO_TEST_CASE(forged_answers_are_dropped_and_the_true_one_is_still_taken) {
  UdpServer server(io, [](const Message& request) {
    auto forged = reply_to(request, attribute(0x20, bytes({0, 1, 0x88, 0x3b, 1, 2, 3, 4})));
    forged[19] ^= std::byte{1};
    return Messages{forged, Message(2000, std::byte{0xff}), {}, request, reply_to(request, xor_mapped())};
  });
  BOOST_TEST(ask(server.endpoint()).value().mapped.to_string() == "198.51.100.7:43305");
}

BOOST_AUTO_TEST_CASE(a_lost_request_is_sent_again_with_the_same_id) {
  options.retry_after = std::chrono::milliseconds{5};
  Messages requests;
  UdpServer server(io, [&](const Message& request) {
    requests.push_back(request);
    return requests.size() < 3 ? Messages{} : Messages{reply_to(request, xor_mapped())};
  });
  BOOST_TEST(ask(server.endpoint()).has_value());
  BOOST_TEST((requests.at(0) == requests.at(2)));
}

BOOST_AUTO_TEST_CASE(silence_ends_at_the_deadline_and_a_closed_port_at_once) {
  options.timeout = std::chrono::milliseconds{30};
  UdpServer silent(io, [](const Message&) { return Messages{}; });
  BOOST_TEST((ask(silent.endpoint()).error().kind == Error::Kind::timed_out));
  options.timeout = std::chrono::seconds{20};
  BOOST_TEST((ask({loopback(), closed_udp_port(io)}).error().kind == Error::Kind::unreachable));
}

BOOST_AUTO_TEST_CASE(a_device_that_is_not_there_is_said) {
  options.bind_device = "vs-none0";
  BOOST_TEST((ask({loopback(), 3478}).error().kind == Error::Kind::not_found));
}

BOOST_AUTO_TEST_CASE(a_binding_that_was_given_up_tells_nobody_and_releases_its_opener) {
  const auto held = std::make_shared<int>(0);
  options.open_socket = [held](int domain, int type, int protocol) -> Result<Fd> { return Fd(::socket(domain, type, protocol)); };
  UdpServer silent(io, [](const Message&) { return Messages{}; });
  const auto id = client.bind(silent.endpoint(), options, [](const Result<StunAnswer>&) { BOOST_ERROR("called"); });
  options.open_socket = nullptr;
  while (silent.queries() == 0) io.run_one();
  client.cancel(id);
  io.poll();
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
