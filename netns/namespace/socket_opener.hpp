/// How a client of the network gets its sockets: made in the right namespace, and nothing else about namespaces known to it.
#pragma once

#include <functional>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Like socket(2): domain, type (SOCK_CLOEXEC and SOCK_NONBLOCK are added by the opener), protocol. Called on any thread.
using SocketOpener = std::function<Result<Fd>(int domain, int type, int protocol)>;

}  // namespace vpn_sentinel
