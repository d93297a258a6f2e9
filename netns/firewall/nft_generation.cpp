#include "netns/firewall/nft_generation.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <span>

#include "netns/firewall/nft_question.hpp"
#include "netns/firewall/ruleset_decode.hpp"

namespace vpn_sentinel::nft {
namespace {

/// A batch without a change: the kernel takes the lock of transactions for it, has nothing to do, and sends no answer.
Result<void> wait_for_the_running_transaction(Socket& socket) {
  std::array<char, 256> buffer{};
  const auto* const begin = nftnl_batch_begin(buffer.data(), ++socket.sequence);
  std::size_t used = begin->nlmsg_len;
  const auto* const end = nftnl_batch_end(buffer.data() + used, ++socket.sequence);
  used += end->nlmsg_len;
  return send_netlink(socket.netlink.fd.get(), std::as_bytes(std::span(buffer.data(), used)));
}

}  // namespace

Result<std::uint32_t> read_generation(Socket& socket, std::string_view purpose) {
  const Question question{NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC, {}, "asking for the ruleset's generation", purpose};
  std::uint32_t generation = 0;
  const auto take = [&](std::span<const std::byte> payload) -> Result<void> {
    const auto found = audit::decode_generation(payload);
    if (!found) return fail(found.error());
    generation = *found;
    return {};
  };
  const auto done = ask(
      socket, question, [] {}, take);
  if (!done) return fail(done.error());
  return generation;
}

Result<std::uint32_t> settled_generation(Socket& socket, std::string_view purpose) {
  auto generation = read_generation(socket, purpose);
  if (!generation) return generation;
  if (auto waited = wait_for_the_running_transaction(socket); !waited) return fail(waited.error());
  return generation;
}

}  // namespace vpn_sentinel::nft
