#include "netns/firewall/ruleset_events.hpp"

#include <arpa/inet.h>  // before linux/netfilter.h, which defines the same structures otherwise
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "netns/base/capabilities.hpp"
#include "netns/firewall/leak_rules.hpp"
#include "netns/firewall/nft_decode_expression.hpp"
#include "netns/netlink/attribute_cursor.hpp"

namespace vpn_sentinel::audit {
namespace {

constexpr std::size_t most_tables = 16;
constexpr std::size_t most_changes = 64;
constexpr std::size_t most_datagrams = 256;    // of one call: the loop must not be held up
constexpr std::size_t most_program_name = 15;  // TASK_COMM_LEN
constexpr std::size_t most_command = 160;
constexpr std::size_t most_status = 512;  // Tgid is among the first lines
constexpr int receive_buffer = 1 << 20;

/// Anybody names processes and tables.
std::string printable(std::string_view text, std::size_t most) {
  std::string clean(text.substr(0, most));
  for (auto& letter : clean) {
    if (letter < ' ' || letter > '~') letter = letter == '\0' ? ' ' : '?';
  }
  while (!clean.empty() && clean.back() == ' ') clean.pop_back();
  return clean;
}

void take_author(std::span<const std::byte> payload, RulesetChange& change) {
  if (!take_header<nfgenmsg>(payload)) return;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type == NFTA_GEN_ID) change.generation = nft::number32(*attribute).value_or(0);
    if (attribute->type == NFTA_GEN_PROC_PID) change.process = nft::number32(*attribute).value_or(0);
    if (attribute->type == NFTA_GEN_PROC_NAME) change.program = printable(attribute->as_string(), most_program_name);
  }
}

/// In each message but that of the generation the attribute 1 is the table's name, and the header has the lower half of the generation.
void take_table(std::span<const std::byte> payload, RulesetChange& change) {
  const auto header = take_header<nfgenmsg>(payload);
  if (!header) return;
  // What began under another generation has lost its end.
  const std::uint32_t generation = ntohs(header->res_id);
  if (generation != change.generation) change = {};
  change.generation = generation;
  AttributeCursor attributes{payload};
  while (const auto attribute = attributes.next()) {
    if (attribute->type != 1) continue;
    nft::TableName table{header->nfgen_family, std::string(attribute->as_string())};
    const bool known = std::find(change.tables.begin(), change.tables.end(), table) != change.tables.end();
    if (!known && !table.name.empty() && change.tables.size() < most_tables) change.tables.push_back(std::move(table));
    return;
  }
}

std::string read_start(const std::string& path, std::size_t most) {
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return {};
  std::string text(most, '\0');
  const auto size = ::read(file.get(), text.data(), text.size());
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

std::string read_name(std::uint32_t task) {
  auto name = read_start(fmt::format("/proc/{}/comm", task), most_program_name + 1);
  if (name.ends_with('\n')) name.pop_back();
  return printable(name, most_program_name);
}

/// The process that a thread belongs to ("Tgid:" of proc(5)), or the thread's own number where it is not told.
std::uint32_t process_of(std::uint32_t thread) {
  constexpr std::string_view field = "\nTgid:";
  const auto status = read_start(fmt::format("/proc/{}/status", thread), most_status);
  const auto at = status.find(field);
  if (at == std::string::npos) return thread;
  const auto digits = status.find_first_of("0123456789", at);
  std::uint32_t process = thread;
  if (digits != std::string::npos) (void)std::from_chars(status.data() + digits, status.data() + status.size(), process);
  return process;
}

bool is_ours(const nft::TableName& table) {
  return is_firewall_table(OutsideAction::count, table.name) || is_firewall_table(OutsideAction::drop, table.name);
}

}  // namespace

std::vector<RulesetChange> ChangeReader::take(std::span<const std::byte> datagram) {
  std::vector<RulesetChange> ended;
  MessageCursor messages{datagram};
  while (const auto message = messages.next()) {
    if (message->type >> 8U != NFNL_SUBSYS_NFTABLES) continue;
    if ((message->type & 0xffU) != NFT_MSG_NEWGEN) {
      take_table(message->payload, begun_);
      continue;
    }
    auto change = std::exchange(begun_, {});
    const auto begun = change.generation;
    take_author(message->payload, change);
    if ((change.generation & 0xffffU) != begun) change.tables.clear();
    ended.push_back(std::move(change));
  }
  return ended;
}

bool is_own_change(const RulesetChange& change, std::uint32_t own_process, std::string_view own_program) {
  if (change.tables.empty() || !std::all_of(change.tables.begin(), change.tables.end(), is_ours)) return false;
  // In a container the host's number of this process is not known.
  return change.process == own_process || change.program == own_program.substr(0, most_program_name);
}

std::string describe_author(const RulesetChange& change) {
  const RaisedCapabilities raised(rights_to_look);
  if (change.process == 0 && change.program.empty()) return "an unknown program";
  if (read_name(change.process) != change.program) return fmt::format("{} (pid {})", change.program, change.process);
  const auto process = process_of(change.process);
  auto name = read_name(process);
  if (name.empty()) name = change.program;
  const auto thread = name == change.program ? std::string() : change.program + ", ";
  const auto command = printable(read_start(fmt::format("/proc/{}/cmdline", process), most_command), most_command);
  if (command.empty() || command == name) return fmt::format("{} ({}pid {})", name, thread, process);
  return fmt::format("{} ({}pid {}: {})", name, thread, process, command);
}

std::string describe_tables(const RulesetChange& change) {
  std::vector<std::string> names;
  for (const auto& table : change.tables) names.push_back(printable(table.to_string(), most_command));
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<RulesetEvents> RulesetEvents::open(const SocketOpener& opener) {
  auto opened = open_netlink([&](int domain, int type, int) { return opener(domain, type, NETLINK_NETFILTER); }, 0);
  if (!opened) return fail(opened.error());
  const int group = NFNLGRP_NFTABLES;
  if (::setsockopt(opened->fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    const int code = errno;
    if (code != EPERM) return fail(system_error(code, "listening to nf_tables"));
    return fail(Error::Kind::not_permitted, "CAP_NET_ADMIN is needed in the namespace to hear who changes the firewall's rules");
  }
  grow_receive_buffer(opened->fd.get(), receive_buffer);
  return RulesetEvents{std::move(*opened)};
}

Result<RulesetEvents::News> RulesetEvents::read() {
  News news;
  std::array<std::byte, netlink_datagram_size> buffer;
  for (std::size_t i = 0; i < most_datagrams; ++i) {
    const auto datagram = receive_netlink(socket_.fd.get(), buffer);
    switch (datagram.outcome) {
      case Datagram::Outcome::data:
        for (auto& change : reader_.take(datagram.bytes)) {
          if (news.changes.size() == most_changes) {
            news.lost = true;
            news.changes.erase(news.changes.begin());
          }
          news.changes.push_back(std::move(change));
        }
        break;
      case Datagram::Outcome::overrun:
        news.lost = true;
        reader_.forget();
        break;
      case Datagram::Outcome::failed:
        return fail(system_error(datagram.code, "listening to nf_tables"));
      case Datagram::Outcome::empty:
        return news;
      case Datagram::Outcome::foreign:
        break;
    }
  }
  return news;
}

}  // namespace vpn_sentinel::audit
