#include "netns/firewall/nft_question.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <chrono>
#include <optional>
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

/// What became of an answer. A dump that was disturbed, or that is not wanted any more, is read to its end all the same: until then the
/// kernel refuses another one on this socket (EBUSY).
struct Progress {
  bool ended = false;
  bool disturbed = false;
  std::optional<Error> error{};
};

void take_end(const NetlinkMessage& message, const Question& question, Progress& progress) {
  progress.ended = true;
  const int code = decode_error_code(message.payload).value_or(EPROTO);
  if (code == 0 || progress.error) return;
  // A dump of before, which ended at its deadline, still runs.
  if (code == EBUSY) progress.disturbed = true;
  if (code == EBUSY) return;
  // These two are no answer of nf_tables: whoever may ask may read everything, and our questions are well-formed.
  const bool refused = code == EPERM || code == EINVAL;
  progress.error = nft_error(code, refused ? std::string_view() : question.what, question.purpose, message.payload, message.flags);
}

void take_message(const NetlinkMessage& message, const Question& question, const Take& take, Progress& progress) {
  progress.disturbed = progress.disturbed || (message.flags & NLM_F_DUMP_INTR) != 0;
  if (message.type == NLMSG_ERROR || message.type == NLMSG_DONE) return take_end(message, question, progress);
  if (!progress.error && !progress.disturbed) {
    if (auto taken = take(message.payload); !taken) progress.error = taken.error();
  }
  progress.ended = (question.flags & NLM_F_DUMP) != NLM_F_DUMP;
}

Result<Progress> ask_once(Socket& socket, const Question& question, MonoTime deadline, const Take& take) {
  const auto sequence = ++socket.sequence;
  const auto request = make_request(question, sequence);
  if (!request) return fail(request.error());
  if (auto sent = send_netlink(socket.netlink.fd.get(), *request); !sent) return fail(sent.error());
  std::array<std::byte, netlink_datagram_size> buffer;
  Progress progress;
  const auto done =
      receive_answer(socket.netlink.fd.get(), buffer, deadline, question.what, [&](std::span<const std::byte> datagram) -> Result<bool> {
        MessageCursor messages{datagram};
        while (const auto message = messages.next()) {
          if (message->sequence == sequence && !progress.ended) take_message(*message, question, take, progress);
        }
        return progress.ended;
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
    if (progress->error) return fail(*progress->error);
    if (!progress->disturbed) return {};
  }
  return fail(Error::Kind::timed_out, fmt::format("{}: others kept changing the rules meanwhile", question.what));
}

}  // namespace vpn_sentinel::nft
