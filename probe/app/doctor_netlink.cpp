#include "probe/app/doctor_netlink.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "netns/base/clock.hpp"
#include "netns/netlink/decode.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::seconds netlink_patience{1};
constexpr std::size_t most_replies = 4096;

bool is_asked(const KernelQuestion& question, std::uint32_t sequence) {
  return std::ranges::find(question.answers, sequence) != question.answers.end();
}

/// Everything is answered, or the whole batch was refused: that refusal carries the number of its first message.
bool is_complete(const KernelQuestion& question, const KernelAnswer& answer) {
  const bool refused = std::ranges::any_of(answer.codes, [&](const auto& code) { return !is_asked(question, code.first); });
  return refused || answer.codes.size() >= question.answers.size();
}

/// The socket is ours alone: all that comes belongs to the question.
void take(std::span<const std::byte> datagram, const KernelQuestion& question, KernelAnswer& answer) {
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->type == NLMSG_ERROR || message->type == NLMSG_DONE) {
      answer.codes.emplace(message->sequence, decode_error_code(message->payload).value_or(EPROTO));
      continue;
    }
    if (answer.replies.size() < most_replies) answer.replies.push_back({message->type, {message->payload.begin(), message->payload.end()}});
    if (!question.dump && is_asked(question, message->sequence)) answer.codes.emplace(message->sequence, 0);
  }
}

Result<KernelAnswer> receive(int fd, const KernelQuestion& question) {
  KernelAnswer answer;
  std::array<std::byte, netlink_datagram_size> buffer;
  const auto done =
      receive_answer(fd, buffer, mono_now() + netlink_patience, "asking the kernel", [&](std::span<const std::byte> datagram) {
        take(datagram, question, answer);
        return is_complete(question, answer);
      });
  if (!done) return fail(done.error());
  return answer;
}

bool listed(std::string_view file, const std::string& wanted) {
  utsname system{};
  if (::uname(&system) != 0) return false;
  std::ifstream list(fmt::format("/lib/modules/{}/{}", system.release, file));
  for (std::string line; std::getline(list, line);) {
    // "kernel/net/netfilter/nf_tables.ko.xz: kernel/…": what follows the colon are other modules.
    if (line.substr(0, line.find(':')).find(wanted) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

Result<KernelAnswer> ask_kernel(const SocketOpener& opener, const KernelQuestion& question) {
  const auto socket = open_netlink([&](int domain, int type, int) { return opener(domain, type, question.protocol); }, 0);
  if (!socket) return fail(socket.error());
  const int on = 1;
  if (question.strict && ::setsockopt(socket->fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on) != 0) {
    return fail(Error::Kind::unavailable, "this kernel has no NETLINK_GET_STRICT_CHK");
  }
  if (auto sent = send_netlink(socket->fd.get(), question.bytes); !sent) return fail(sent.error());
  return receive(socket->fd.get(), question);
}

bool may_ask(std::string_view name) {
  return std::filesystem::exists(fmt::format("/sys/module/{}", name)) || !std::filesystem::exists("/proc/modules") ||
         listed("modules.builtin", fmt::format("/{}.ko", name));
}

bool can_be_loaded(std::string_view name) { return listed("modules.dep", fmt::format("/{}.ko", name)); }

}  // namespace vpn_sentinel
