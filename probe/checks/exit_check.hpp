/// Asks outside services by which address the tunnel's traffic appears on the Internet: HTTPS on fresh connections from inside the
/// namespace, names resolved inside too.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
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
  std::chrono::milliseconds timeout{10'000};  ///< for all services together; none gets so much that it leaves nothing to the next
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
  ~ExitCheck() { stop(); }
  ExitCheck(const ExitCheck&) = delete;
  ExitCheck& operator=(const ExitCheck&) = delete;
  /// The handler is called once, on the loop (from inside run() when there is nothing to ask); not at all after stop(), the next run() of
  /// the same family, or the end of this check or of the clients.
  void run(ExitRequest request, Handler handler);
  /// Ends what is under way; openers, connections and questions are released at once.
  void stop();

 private:
  class Round;

  HttpClient& http_;
  DnsClient& dns_;
  std::map<Family, std::weak_ptr<Round>> rounds_;  ///< each lives by the handlers that it has handed out
};

}  // namespace vpn_sentinel
