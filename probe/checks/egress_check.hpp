/// From which addresses does the resolver of the programs ask the Internet? Names that nobody can have asked before are asked for through
/// it, as a program would, and the authority of the zone answers with the address that it sees. One answer proves nothing where a stub
/// asks several servers (reference: systemd-resolved with two links), hence several names.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/resolv_conf.hpp"
#include "probe/checks/egress_answers.hpp"

namespace vpn_sentinel {

struct EgressRequest {
  SocketOpener open_socket;
  std::vector<NameServer> servers;  ///< in the order of resolv.conf; the names begin with each of them in turn
  std::uint16_t port = 53;
  std::string zone;         ///< "test.dnscheck.tools"
  unsigned names = 6;       ///< at most 32
  std::string second_name;  ///< "whoami.ds.akahelp.net": asked once of each server that answers when the zone tells nothing; empty: not
  std::chrono::milliseconds pause{250};     ///< between two names
  std::chrono::milliseconds timeout{2000};  ///< of each server for each name
};

struct AskedServer {
  NameServer server;
  unsigned asked = 0;
  unsigned answered = 0;          ///< with whatever RCODE: it got the question
  unsigned stopped = 0;           ///< failed here, before anything left: by a firewall of the namespace, or for want of the device
  std::vector<IpAddress> egress;  ///< that its own answers told, each once
  std::string error;              ///< the last failure
  bool answered_before = false;   ///< in an earlier round of the same network; not set by EgressCheck
  friend bool operator==(const AskedServer&, const AskedServer&) = default;
};

struct EgressAnswer {
  unsigned asked = 0;                ///< names
  unsigned answered = 0;             ///< names whose answer told an address
  std::vector<KnownAddress> egress;  ///< each address once
  std::vector<IpPrefix> subnets;     ///< EDNS client subnets, each once
  std::vector<AskedServer> servers;  ///< as in the request
  std::string source;                ///< the zone or name that told the addresses
  std::string error;                 ///< why there is no egress
  friend bool operator==(const EgressAnswer&, const EgressAnswer&) = default;
};

class EgressCheck {
 public:
  using Handler = std::function<void(const EgressAnswer&)>;
  /// `dns` outlives the check.
  EgressCheck(boost::asio::io_context& io, DnsClient& dns) : io_(io), dns_(dns) {}
  ~EgressCheck() { stop(); }
  EgressCheck(const EgressCheck&) = delete;
  EgressCheck& operator=(const EgressCheck&) = delete;
  /// The handler is called once, on the loop, never from inside run(); at the latest after (names - 1) * pause + (servers + 1) * timeout.
  /// Not at all after stop(), the next run() or the end of this check.
  void run(EgressRequest request, Handler handler);
  void stop();

 private:
  class Round;

  boost::asio::io_context& io_;
  DnsClient& dns_;
  std::shared_ptr<Round> round_;
};

}  // namespace vpn_sentinel
