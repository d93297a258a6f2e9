#include "netns/firewall/nft_question.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <chrono>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/netlink/decode.hpp"

namespace vpn_sentinel::nft {
namespace {

constexpr std::chrono::seconds patience{2};
constexpr int most_tries = 4;
constexpr std::size_t request_bytes = 1024;  // two names of at most 255 bytes

Result<std::vector<std::byte>> make_request(const Question& question, std::uint32_t sequence) {
  std::vector<std::byte> bytes(request_bytes);
  auto* header = mnl_nlmsg_put_header(bytes.data());
  header->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | question.type);
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | question.flags);
  header->nlmsg_seq = sequence;
  *static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg))) = {question.family, NFNETLINK_V0, 0};
  for (const auto& [attribute, text] : question.texts) {
    if (text == nullptr) continue;
    if (text->size() > 255) return fail(Error::Kind::invalid, fmt::format("{}: the name is longer than 255 bytes", question.what));
    mnl_attr_put_strz(header, attribute, text->c_str());
  }
  if (question.object_type != 0) mnl_attr_put_u32(header, NFTA_OBJ_TYPE, htonl(question.object_type));
  bytes.resize(header->nlmsg_len);
  return bytes;
}

enum class Progress { more, complete, disturbed };

Result<Progress> take_datagram(std::span<const std::byte> datagram, const Question& question, std::uint32_t sequence, const Take& take) {
  const bool dumps = (question.flags & NLM_F_DUMP) == NLM_F_DUMP;
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->sequence != sequence) continue;
    if ((message->flags & NLM_F_DUMP_INTR) != 0) return Progress::disturbed;
    if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
      const int code = decode_error_code(message->payload).value_or(EPROTO);
      if (code == 0) return Progress::complete;
      // These two are no answer of nf_tables: whoever may ask may read everything, and our questions are well-formed.
      const bool refused = code == EPERM || code == EINVAL;
      return fail(nft_error(code, refused ? std::string_view() : question.what, question.purpose, message->payload, message->flags));
    }
    if (auto taken = take(message->payload); !taken) return fail(taken.error());
    if (!dumps) return Progress::complete;
  }
  return Progress::more;
}

Result<Progress> ask_once(Socket& socket, const Question& question, MonoTime deadline, const Take& take) {
  const auto sequence = ++socket.sequence;
  const auto request = make_request(question, sequence);
  if (!request) return fail(request.error());
  if (auto sent = send_netlink(socket.netlink.fd.get(), *request); !sent) return fail(sent.error());
  std::array<std::byte, netlink_datagram_size> buffer;
  auto progress = Progress::more;
  const auto done =
      receive_answer(socket.netlink.fd.get(), buffer, deadline, question.what, [&](std::span<const std::byte> datagram) -> Result<bool> {
        const auto step = take_datagram(datagram, question, sequence, take);
        if (!step) return fail(step.error());
        progress = *step;
        return progress != Progress::more;
      });
  if (!done) return fail(done.error());
  return progress;
}

}  // namespace

Result<void> ask(Socket& socket, const Question& question, const std::function<void()>& begin, const Take& take) {
  const auto deadline = mono_now() + patience;
  for (int tries = 0; tries < most_tries; ++tries) {
    begin();
    const auto progress = ask_once(socket, question, deadline, take);
    if (!progress) return fail(progress.error());
    if (*progress == Progress::complete) return {};
    // What is left of the disturbed dump has another number and is passed over.
  }
  return fail(Error::Kind::timed_out, fmt::format("{}: others kept changing the rules meanwhile", question.what));
}

}  // namespace vpn_sentinel::nft
