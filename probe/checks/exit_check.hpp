/// Asks outside services by which address the tunnel's traffic appears on the Internet: HTTPS on fresh connections from inside the
/// namespace, names resolved inside too.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "probe/checks/trace.hpp"

namespace vpn_sentinel {

struct ExitRequest {
  SocketOpener open_socket;
  Family family = Family::v4;
  std::vector<std::string> urls;    ///< tried in order until one answers
  std::vector<Endpoint> resolvers;  ///< for the hosts in `urls`; a literal address needs none
  std::string ca_file;
  std::chrono::milliseconds timeout{10'000};  ///< for one service
};

struct ExitAnswer {
  TraceAnswer trace;
  std::string source;  ///< host of the service that answered
  friend bool operator==(const ExitAnswer&, const ExitAnswer&) = default;
};

class ExitCheck {
 public:
  /// An Error says what the last service answered, or that there was none to ask.
  using Handler = std::function<void(Result<ExitAnswer>)>;
  /// `http` and `dns` outlive the check.
  ExitCheck(HttpClient& http, DnsClient& dns) : http_(http), dns_(dns) {}
  /// The handler is called once, on the loop (from inside run() when there is nothing to ask); not at all when this check or the clients
  /// are destroyed before.
  void run(ExitRequest request, Handler handler);

 private:
  HttpClient& http_;
  DnsClient& dns_;
  std::shared_ptr<const bool> life_ = std::make_shared<const bool>(true);  ///< rounds under way see by it that nobody waits any more
};

}  // namespace vpn_sentinel
