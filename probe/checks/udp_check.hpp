/// By which address does arbitrary UDP leave (torrents, WebRTC, games): STUN servers tell it (RFC 8489). The socket is bound to nothing,
/// as that of any program, so the routes decide.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/clients/dns_client.hpp"
#include "netns/clients/stun_client.hpp"

namespace vpn_sentinel {

/// "stun.example:3478", "198.51.100.3", "[2001:db8::3]:3478"; without a port 3478 is taken.
struct StunServer {
  std::string host;  ///< a name, or an address as text
  std::uint16_t port = 3478;
  [[nodiscard]] static Result<StunServer> parse(std::string_view text);
  friend bool operator==(const StunServer&, const StunServer&) = default;
};

struct UdpRequest {
  SocketOpener open_socket;
  Family family = Family::v4;
  std::vector<StunServer> servers;            ///< asked in order until one answers
  std::vector<Endpoint> resolvers;            ///< for names in `servers`
  std::chrono::milliseconds timeout{10'000};  ///< for all servers together
};

struct UdpAnswer {
  IpAddress address;
  std::string server;  ///< host that answered
};

class UdpCheck {
 public:
  /// An Error says what the last server answered, or that there was none to ask.
  using Handler = std::function<void(Result<UdpAnswer>)>;
  /// The clients outlive the check.
  UdpCheck(boost::asio::io_context& io, StunClient& stun, DnsClient& dns) : io_(io), stun_(stun), dns_(dns) {}
  ~UdpCheck() { stop(); }
  UdpCheck(const UdpCheck&) = delete;
  UdpCheck& operator=(const UdpCheck&) = delete;
  /// The handler is called once, on the loop, never from inside; not at all after stop(), the next run(), or the end of this check.
  void run(UdpRequest request, Handler handler);
  /// Ends what is under way; opener, sockets and questions are released at once.
  void stop();

 private:
  class Round;

  boost::asio::io_context& io_;
  StunClient& stun_;
  DnsClient& dns_;
  std::shared_ptr<Round> round_;
};

}  // namespace vpn_sentinel
