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
  /// Asks `servers` in order until one answers. The handler is called once, on the loop (from inside run() when there is no server); not
  /// at all after stop(), the next run(), or the end of this check or of the client. Of several Errors it gets the most telling: an answer
  /// of the wrong sort (invalid, unavailable) before silence.
  void run(SocketOpener opener, std::vector<Endpoint> servers, Handler handler);
  /// Ends the round under way; its last question keeps opener and socket for 2 s at most.
  void stop() { life_ = std::make_shared<const bool>(true); }

 private:
  DnsClient& dns_;
  std::shared_ptr<const bool> life_ = std::make_shared<const bool>(true);  ///< rounds under way see by it that nobody waits any more
};

}  // namespace vpn_sentinel
