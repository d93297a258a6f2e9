#include "tests/unit/netns_clients/loopback_dns.hpp"

#include <boost/asio/buffer.hpp>
#include <cctype>

namespace vpn_sentinel::test {
namespace {

namespace asio = boost::asio;

std::string be16(unsigned value) { return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)}; }

/// Name, type and class of the one question, as they stand in the message.
struct Question {
  std::string bytes;
  std::string name;
  unsigned type = 0;
};

Question read_question(const std::string& query) {
  Question question;
  std::size_t at = 12;
  while (query.at(at) != '\0') {
    const auto length = static_cast<std::size_t>(query.at(at));
    if (!question.name.empty()) question.name += '.';
    for (const char c : query.substr(at + 1, length)) question.name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    at += 1 + length;
  }
  question.type = static_cast<unsigned char>(query.at(at + 2));
  question.bytes = query.substr(12, at + 5 - 12);
  return question;
}

}  // namespace

LoopbackDns::LoopbackDns(asio::io_context& io) : socket_(io, asio::ip::udp::endpoint(asio::ip::address_v4::loopback(), 0)) { receive(); }

Endpoint LoopbackDns::endpoint() const { return Endpoint{IpAddress::v4({127, 0, 0, 1}), socket_.local_endpoint().port()}; }

void LoopbackDns::receive() {
  socket_.async_receive_from(asio::buffer(buffer_), peer_, [this](const boost::system::error_code& error, std::size_t size) {
    if (error) return;
    const auto reply = answer_to(std::string(buffer_.data(), size));
    if (!silent) socket_.send_to(asio::buffer(reply), peer_);
    receive();
  });
}

std::string LoopbackDns::answer_to(const std::string& query) {
  const auto question = read_question(query);
  asked.push_back(question.name + (question.type == 1 ? " A" : " AAAA"));
  const auto known = names.find(question.name);
  std::string records;
  unsigned count = 0;
  if (known != names.end()) {
    for (const auto& address : known->second) {
      if (address.is_v4() != (question.type == 1)) continue;
      const auto bytes = address.bytes();
      // A pointer to the name in the question, type, class IN, 60 s, the address.
      records += "\xc0\x0c" + be16(question.type) + be16(1) + be16(0) + be16(60) + be16(static_cast<unsigned>(bytes.size()));
      records.append(bytes.begin(), bytes.end());
      ++count;
    }
  }
  const unsigned flags = 0x8180U | (known == names.end() ? 3U : 0U);
  return query.substr(0, 2) + be16(flags) + be16(1) + be16(count) + be16(0) + be16(0) + question.bytes + records;
}

}  // namespace vpn_sentinel::test
