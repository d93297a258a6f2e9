/// One HTTP/1.1 connection: reads requests, hands them to the routes, writes the replies in order.
#pragma once

#include <memory>
#include <string>

#include "hub/http/listener.hpp"
#include "hub/http/loop.hpp"
#include "hub/http/stream.hpp"

namespace vpn_sentinel {

/// On the loop's thread.
void start_connection(Loop& loop, Socket socket, std::unique_ptr<Slot> slot, std::string peer_address);

}  // namespace vpn_sentinel
