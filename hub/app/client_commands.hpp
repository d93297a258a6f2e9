/// `vpn-sentinel-hub client forget ID`: the running hub does it.
#pragma once

#include <chrono>
#include <string>

namespace vpn_sentinel {

/// Waits until the hub has done it, `patience` at most. Returns 0: it is done, 1: the hub does not know the client; throws FatalError: 64
/// `client_id` is none, 66 there is no database that can be read, 69 nobody has done it in time (the wish stays, and is fulfilled by the
/// next hub of this folder), 73 the wish cannot be written.
int forget_client_command(const std::string& data_dir, const std::string& client_id,
                          std::chrono::milliseconds patience = std::chrono::seconds{10});

}  // namespace vpn_sentinel
