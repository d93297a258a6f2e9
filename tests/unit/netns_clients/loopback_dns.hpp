/// A DNS server on 127.0.0.1 that knows a few names (RFC 1035), on the test's own loop.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel::test {

class LoopbackDns {
 public:
  explicit LoopbackDns(boost::asio::io_context& io);
  ~LoopbackDns() { socket_.close(); }
  LoopbackDns(const LoopbackDns&) = delete;
  LoopbackDns& operator=(const LoopbackDns&) = delete;

  [[nodiscard]] Endpoint endpoint() const;

  std::map<std::string, std::vector<IpAddress>> names;  ///< lower case; any other name is NXDOMAIN
  bool silent = false;
  std::vector<std::string> asked;  ///< "hub.test A"

 private:
  void receive();
  [[nodiscard]] std::string answer_to(const std::string& query);

  boost::asio::ip::udp::socket socket_;
  boost::asio::ip::udp::endpoint peer_;
  std::array<char, 1500> buffer_{};
};

}  // namespace vpn_sentinel::test
