/// The public addresses of hubs, looked up by name. What was learnt stays until an answer replaces it: a failure is never taken for the
/// truth.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "netns/clients/dns_client.hpp"
#include "probe/watch/outside_facts.hpp"

namespace vpn_sentinel {

class HubNames {
 public:
  /// `dns` outlives it.
  explicit HubNames(DnsClient& dns) : dns_(dns) {}
  HubNames(const HubNames&) = delete;
  HubNames& operator=(const HubNames&) = delete;
  ~HubNames() = default;

  /// False for names of a local network, which no public resolver knows.
  [[nodiscard]] static bool may_be_asked(const std::string& host);
  /// A literal address, or a name that is asked for at the question's resolvers, A and then AAAA. The handler is called once, for literals
  /// from inside; not at all after stop().
  void ask(const std::string& host, const OutsideQuestion& question, const SocketOpener& opener, std::function<void(bool failed)> done);
  void stop() { round_ = std::make_shared<char>(); }

  [[nodiscard]] std::vector<IpAddress> addresses() const;

 private:
  struct Name;

  void ask_next(const std::shared_ptr<Name>& name);
  void finish(const Name& name);

  DnsClient& dns_;
  std::shared_ptr<char> round_ = std::make_shared<char>();  ///< answers of an older one, or of one that is gone, are recognised by it
  /// What one type of record (DnsType::a, DnsType::aaaa) told last.
  std::map<std::pair<std::string, DnsType>, std::vector<IpAddress>> known_;
};

}  // namespace vpn_sentinel
