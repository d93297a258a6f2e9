/// By which address does port 53 leave: CH TXT whoami.cloudflare answers with the asker's address (RFC 1035 class CH). It proves the path
/// of DNS packets, not which resolver programs use.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/clients/dns_client.hpp"

namespace vpn_sentinel {

struct WhoamiAnswer {
  IpAddress egress;
  Endpoint server;
  std::chrono::microseconds round_trip{0};
};

/// Accepts NOERROR with exactly one TXT record that is an IP address. REFUSED and the like are Errors that say so: an interceptor or a
/// server that does not know the name, "could not look" either way.
[[nodiscard]] Result<IpAddress> read_whoami(const DnsAnswer& answer);

class WhoamiCheck {
 public:
  using Handler = std::function<void(Result<WhoamiAnswer>)>;
  /// `dns` outlives the check.
  explicit WhoamiCheck(DnsClient& dns) : dns_(dns) {}
  ~WhoamiCheck() { stop(); }
  WhoamiCheck(const WhoamiCheck&) = delete;
  WhoamiCheck& operator=(const WhoamiCheck&) = delete;
  /// Asks `servers` in order until one answers. The handler is called once, on the loop (from inside run() when there is no server); not
  /// at all after stop(), the next run(), or the end of this check or of the client. Of several Errors it gets the most telling: an answer
  /// of the wrong sort (invalid, unavailable) before silence.
  void run(SocketOpener opener, std::vector<Endpoint> servers, Handler handler);
  /// Ends the round under way; opener and socket are released at once.
  void stop();

 private:
  struct Round;

  DnsClient& dns_;
  std::weak_ptr<Round> round_;  ///< the one under way lives by the handler that it has handed out
};

}  // namespace vpn_sentinel
