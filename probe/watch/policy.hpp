/// What the user wants of one target.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/namespace/namespace_ref.hpp"

namespace vpn_sentinel {

struct TargetPolicy {
  std::string client_id;
  bool client_id_given = true;                 ///< false: client_id was made of host name and namespace
  NamespaceRef netns;                          ///< a pattern stands for many targets: see TargetSet
  std::vector<std::string> container_sockets;  ///< of the engines that are asked for container:, in order
  std::chrono::milliseconds forget_after{0};   ///< a pattern's namespace that has been gone so long is no target any more; 0: never
  std::vector<std::string> tunnels;            ///< names or patterns as of fnmatch(3); empty: found by kind and routes
  std::vector<IpAddress> endpoints;            ///< the VPN servers' own addresses: may be reached outside the tunnel
  std::vector<IpPrefix> local_networks;        ///< may leave by the uplink, beside the private ranges

  bool offline = false;                               ///< kernel facts only: nothing is sent
  std::chrono::milliseconds liveness_interval{1000};  ///< 0: no liveness check
  Endpoint liveness_server;
  int liveness_failures = 3;
  std::vector<Endpoint> whoami_servers;  ///< empty: not checked
  std::vector<std::string> trace_urls;   ///< empty: not checked
  std::vector<Endpoint> resolvers;       ///< for the names in trace_urls and the hub's, asked inside the namespace
  std::string ca_file;
  std::chrono::milliseconds check_interval{300'000};
  std::chrono::milliseconds check_timeout{10'000};
};

}  // namespace vpn_sentinel
