#include "netns/firewall/outside_batch.hpp"

namespace vpn_sentinel {

std::string_view purpose_of(OutsideAction action) { return action == OutsideAction::count ? "count packets" : "hold packets back"; }

nft::Batch next_batch(nft::Socket& socket) { return nft::Batch{++socket.sequence}; }

Result<void> commit_batch(nft::Socket& socket, nft::Batch& batch, std::string_view purpose) {
  auto done = nft::commit(socket, batch, purpose);
  socket.sequence = batch.last_sequence() + 1;
  return done;
}

bool is_difference(const Error& error) { return error.kind == Error::Kind::failed || error.kind == Error::Kind::not_found; }

}  // namespace vpn_sentinel
