#include "netns/monitor/follower.hpp"

#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <string>

#include "netns/netlink/decode.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::uint32_t group_bit(unsigned group) { return 1U << (group - 1); }

constexpr std::uint32_t groups = group_bit(RTNLGRP_LINK) | group_bit(RTNLGRP_IPV4_IFADDR) | group_bit(RTNLGRP_IPV6_IFADDR) |
                                 group_bit(RTNLGRP_IPV4_ROUTE) | group_bit(RTNLGRP_IPV6_ROUTE) | group_bit(RTNLGRP_IPV4_RULE) |
                                 group_bit(RTNLGRP_IPV6_RULE) | group_bit(RTNLGRP_IPV6_PREFIX) | group_bit(RTNLGRP_ND_USEROPT) |
                                 group_bit(RTNLGRP_NEXTHOP);

/// How often a dump is repeated at once while tables change under it, before the caller goes on with what there is.
constexpr int most_rounds = 5;
/// Data and end of the dump of a small table come by one call.
constexpr std::size_t datagrams_at_once = 3;
constexpr std::size_t most_messages_at_once = 4096;
/// Of one part; with the monitor's pauses more than two seconds.
constexpr int most_refusals = 8;
/// The kernel announces a route's end before it takes the route out of its table, and since Linux 6.9 a dump does not wait for whoever
/// changes tables: one that begins so soon after an event may still show what is no more, and no further event would say so.
constexpr std::chrono::milliseconds announced_early{15};

}  // namespace

Result<NetlinkSocket> Follower::open_socket(const SocketOpener& opener, Mode mode, int receive_buffer) {
  auto socket = open_netlink(opener, mode == Mode::follow ? groups : 0);
  if (socket && mode == Mode::follow && receive_buffer > 0) grow_receive_buffer(socket->fd.get(), receive_buffer);
  return socket;
}

Result<Follower> Follower::open(const SocketOpener& opener, Mode mode, int receive_buffer) {
  auto socket = open_socket(opener, mode, receive_buffer);
  if (!socket) return fail(socket.error());
  Follower follower{std::move(*socket), mode, receive_buffer};
  follower.want_everything();
  return follower;
}

Result<void> Follower::reopen(const SocketOpener& opener) {
  auto socket = open_socket(opener, mode_, receive_buffer_);
  if (!socket) return fail(socket.error());
  socket_ = std::move(*socket);
  running_.reset();
  congested_ = false;
  want_everything();
  lost_ = true;
  fall_out_of_step();
  return {};
}

void Follower::want_everything() {
  wanted_.set();
  unknown_.set();
  doubtful_.reset();
  // The kernel refuses a second dump while one runs (EBUSY), so that one is waited for and its result not used.
  interrupted_ = running_.has_value();
}

void Follower::want_doubtful() noexcept {
  wanted_ |= doubtful_;
  doubtful_.reset();
}

Result<void> Follower::start_dump() {
  if (running_ || wanted_.none() || congested_) return {};
  std::size_t next = 0;
  while (!wanted_.test(next)) ++next;
  const auto kind = static_cast<DumpKind>(next);
  if (auto sent = send_netlink(fd(), dump_request(kind, ++sequence_)); !sent) return sent;
  wanted_.reset(next);
  running_ = kind;
  collected_ = SnapshotStore{};
  collected_.expect_routes(route_counts_.at(next));
  interrupted_ = false;
  disturbed_ = mono_now() - last_event_.at(next) < announced_early;
  return {};
}

Follower::Turn Follower::read(std::size_t most_messages) {
  Turn turn;
  read_into(turn, most_messages);
  store_.refresh_next_hops(turn.burst);
  doubtful_ |= turn.burst.doubtful;
  return turn;
}

void Follower::read_into(Turn& turn, std::size_t most_messages) {
  std::array<std::byte, datagrams_at_once * netlink_datagram_size> buffer;
  std::array<Datagram, datagrams_at_once> datagrams;
  std::size_t messages = 0;
  while (messages < most_messages) {
    const auto count = receive_netlink(fd(), buffer, datagrams);
    for (const auto& datagram : std::span(datagrams).first(count)) {
      if (datagram.outcome == Datagram::Outcome::empty) {
        congested_ = false;
        return;
      }
      if (turn.received == MonoTime{}) turn.received = mono_now();
      if (!take(datagram, turn, messages)) return;
    }
    // Fewer than there was room for: the queue was empty, or an error waits and keeps the socket readable. After a loss only the explicit
    // answer that nothing is there will do.
    if (count < datagrams.size() && !congested_) return;
  }
  turn.more = true;
}

/// False: the socket is of no more use.
bool Follower::take(const Datagram& datagram, Turn& turn, std::size_t& messages) {
  switch (datagram.outcome) {
    case Datagram::Outcome::data:
      take(datagram.bytes, turn, messages);
      return true;
    case Datagram::Outcome::overrun:
      note_overrun(turn);
      return true;
    case Datagram::Outcome::failed:
      turn.failure = system_error(datagram.code, "the netlink socket failed");
      return false;
    default:
      ++messages;  // counted, so that a flood from another process cannot hold the loop
      return true;
  }
}

void Follower::take(std::span<const std::byte> datagram, Turn& turn, std::size_t& messages) {
  MessageCursor cursor{datagram};
  ++messages;
  while (const auto message = cursor.next()) {
    ++messages;
    if (is_dump_part(*message)) {
      take_dump_part(*message, turn);
    } else if (message->type >= RTM_BASE) {
      take_event(*message, turn);
    }
  }
}

bool Follower::is_dump_part(const NetlinkMessage& message) const noexcept {
  // An event carries port and number of the request that caused it. The port is unique only within a namespace, and a request from
  // another one can change this one, so that port and number alone could mean an event.
  const bool of_dump = (message.flags & NLM_F_MULTI) != 0 || message.type == NLMSG_ERROR;
  return running_ && of_dump && message.port == socket_.port && message.sequence == sequence_;
}

void Follower::take_event(const NetlinkMessage& message, Turn& turn) {
  store_.apply(message, turn.burst);
  doubtful_ |= turn.burst.doubtful;
  const auto kind = SnapshotStore::kind_of(message);
  if (kind) last_event_.at(position(*kind)) = turn.received;
  if (!running_) return;
  const bool concerned = kind == *running_;
  if (concerned || doubtful_.test(position(*running_))) disturbed_ = true;
  if (!concerned) return;
  Burst unused;
  collected_.apply(message, unused);
}

void Follower::take_dump_part(const NetlinkMessage& message, Turn& turn) {
  if ((message.flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
  if (message.type == NLMSG_DONE || message.type == NLMSG_ERROR) {
    finish_dump(decode_error_code(message.payload).value_or(0), turn);
  } else {
    collected_.insert(*running_, message);
  }
}

void Follower::finish_dump(int code, Turn& turn) {
  const auto kind = *running_;
  running_.reset();
  // A kernel that was built without a family or without policy rules has none of them; every other code means "could not look".
  const bool absent = code == EOPNOTSUPP || code == EAFNOSUPPORT;
  if (code != 0 && !absent && !interrupted_) return note_refusal(kind, code, turn);
  if (interrupted_) {
    doubtful_.set(position(kind));
    return;
  }
  route_counts_.at(position(kind)) = collected_.snapshot().routes.size();
  store_.adopt(kind, std::exchange(collected_, {}), turn.burst);
  // Whoever looks once searches for none.
  if (mode_ == Mode::follow) store_.index_routes();
  doubtful_ |= turn.burst.doubtful;
  // An event that overtook the part of the dump which it concerns leaves an entry that is no more: look once again.
  if (disturbed_) doubtful_.set(position(kind));
  unknown_.reset(position(kind));
  refusals_.at(position(kind)) = 0;
  if (unknown_.any()) return;
  out_of_step_since_.reset();
  if (std::exchange(lost_, false)) turn.resynchronised = true;
}

/// What is followed by events alone after this may have been wrong already: it counts as never read.
void Follower::note_refusal(DumpKind kind, int code, Turn& turn) {
  doubtful_.set(position(kind));
  unknown_.set(position(kind));
  fall_out_of_step();
  refusal_ = system_error(code, "the kernel refused to list links, addresses, routes or rules");
  if (++refusals_.at(position(kind)) >= most_refusals) turn.failure = refusal_;
}

void Follower::fall_out_of_step() noexcept {
  if (!out_of_step_since_) out_of_step_since_ = mono_now();
}

void Follower::note_overrun(Turn& turn) {
  turn.overrun = true;
  // After the first loss the kernel drops every further message without a word until the queue has been read empty. A dump that is begun
  // before that would be out of date at once, and nobody would say so.
  congested_ = true;
  const bool again = std::exchange(lost_, true);
  want_everything();
  fall_out_of_step();
  if (again) {
    // Lost again before everything was read: in a flood that goes on. The owner decides when it is worth a new try.
    doubtful_.set();
    wanted_.reset();
  }
  turn.burst.note(Telling::loss, [] { return std::string("messages were lost because too many came at once; everything is read again"); });
}

Result<void> Follower::read_everything(MonoTime deadline) {
  for (int round = 0; round < most_rounds; ++round) {
    while (!settled()) {
      // A namespace in which changes pour in faster than they are read must not stop the loop, and all other targets with it.
      if (mono_now() >= deadline) return fail(Error::Kind::timed_out, "links, addresses, routes or rules changed too fast to be read");
      if (auto started = start_dump(); !started) return started;
      auto turn = read(most_messages_at_once);
      if (turn.failure) return fail(std::move(*turn.failure));
      if (!running_ || turn.more) continue;
      if (auto readable = wait_readable(fd(), deadline); !readable) return readable;
    }
    if (!has_doubts()) return {};
    if (mono_now() >= deadline) break;
    want_doubtful();
  }
  if (unknown_.any() && refusal_) return fail(*refusal_);
  if (unknown_.any()) return fail(Error::Kind::failed, "links, addresses, routes or rules changed during every attempt to read them");
  return {};
}

}  // namespace vpn_sentinel
