/// Do large packets get through as small ones do? Where "packet too big" messages are filtered, a connection opens and then stands still:
/// a black hole (RFC 2923 section 2.1). A request with some kilobytes of header shows it for what we send, a TLS handshake (the server's
/// certificates are larger than a packet) for what we get.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"

namespace vpn_sentinel {

struct MtuRequest {
  SocketOpener open_socket;
  Family family = Family::v4;
  std::vector<std::string> urls;    ///< of services that answer a GET; a few are tried
  std::vector<Endpoint> resolvers;  ///< for the hosts in `urls`
  std::string ca_file;
  std::chrono::milliseconds patience{3000};  ///< for each request: TCP sends a lost packet again several times within it
};

struct MtuAnswer {
  enum class Result { fine, large_requests_lost, large_answers_lost };
  Result result = Result::fine;
  std::string host;  ///< that showed it
};

class MtuCheck {
 public:
  using Handler = std::function<void(Result<MtuAnswer>)>;
  /// The clients outlive the check.
  MtuCheck(boost::asio::io_context& io, HttpClient& http, DnsClient& dns) : io_(io), http_(http), dns_(dns) {}
  ~MtuCheck() { stop(); }
  MtuCheck(const MtuCheck&) = delete;
  MtuCheck& operator=(const MtuCheck&) = delete;
  /// The handler is called once, on the loop, never from inside; not at all after stop(), the next run(), or the end of this check. An
  /// Error: nothing can be said, because not even small requests were answered. That large answers are lost is believed when two hosts
  /// show it: one may be filtered.
  void run(MtuRequest request, Handler handler);
  void stop();

 private:
  class Round;

  boost::asio::io_context& io_;
  HttpClient& http_;
  DnsClient& dns_;
  std::shared_ptr<Round> round_;
};

}  // namespace vpn_sentinel
