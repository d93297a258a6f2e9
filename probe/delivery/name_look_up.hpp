/// The addresses of the hub's name, asked inside a namespace: the process's resolver would ask outside of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"
#include "netns/clients/dns_client.hpp"

namespace vpn_sentinel {

struct NameQuestion {
  std::string host;
  std::vector<Endpoint> resolvers;  ///< asked one after the other
  SocketOpener open_socket;
  MonoTime deadline;
};

/// A, then AAAA when there is no A. `handler` is called once, never from inside. `dns` outlives it.
void look_up_name(boost::asio::io_context& io, DnsClient& dns, NameQuestion question,
                  std::function<void(Result<std::vector<IpAddress>>)> handler);

}  // namespace vpn_sentinel
