/// The addresses of a name, asked inside a namespace: the process's resolver would ask outside of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
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
  std::optional<Family> family = {};  ///< only addresses of this family; absent: A, then AAAA when there is no A
};

/// Gives the look-up up: its socket and its opener are released, nobody is called. Nothing happens when it has ended already.
using CancelNameLookUp = std::function<void()>;

/// `handler` is called once, never from inside, on the loop. `dns` outlives it. Errors say which name and what the last resolver said.
CancelNameLookUp look_up_name(boost::asio::io_context& io, DnsClient& dns, NameQuestion question,
                              std::function<void(Result<std::vector<IpAddress>>)> handler);

}  // namespace vpn_sentinel
