/// The netlink side of the monitor without an event loop: one socket that is subscribed first and then dumps, both through one handler.
/// A dump is collected beside the snapshot while events go into both, so that its end replaces a part in one step.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "netns/monitor/snapshot_store.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "netns/netlink/netlink_socket.hpp"

namespace vpn_sentinel {

class Follower {
 public:
  enum class Mode {
    follow,     ///< subscribed to everything that can change the way out
    look_once,  ///< dumps only
  };
  /// What one call of read() brought.
  struct Turn {
    Burst burst;
    MonoTime received{};           ///< when the first datagram was read
    bool more = false;             ///< the bound was reached: messages are waiting
    bool overrun = false;          ///< messages were lost; everything is wanted again
    bool resynchronised = false;   ///< everything has been dumped after a loss
    std::optional<Error> failure;  ///< the socket is of no more use
  };

  /// 20,000 changes (832 bytes each, and the kernel doubles the number) wait before one is lost.
  static constexpr int usual_receive_buffer = 8 << 20;

  /// `receive_buffer` in bytes; 0: what the system gives (net.core.rmem_default).
  [[nodiscard]] static Result<Follower> open(const SocketOpener& opener, Mode mode, int receive_buffer = usual_receive_buffer);
  /// A new socket in the place of a failed one; the snapshot stays and everything is wanted again.
  [[nodiscard]] Result<void> reopen(const SocketOpener& opener);

  [[nodiscard]] int fd() const noexcept { return socket_.fd.get(); }
  [[nodiscard]] const Snapshot& snapshot() const& noexcept { return store_.snapshot(); }
  [[nodiscard]] Snapshot snapshot() && { return std::move(store_).snapshot(); }

  /// Reads what is waiting, at most about `most_messages`. Never blocks.
  [[nodiscard]] Turn read(std::size_t most_messages);
  /// Sends the next wanted dump unless one is running or, after a loss, messages still wait. An Error means that the socket failed.
  [[nodiscard]] Result<void> start_dump();
  /// No dump is running or wanted.
  [[nodiscard]] bool settled() const noexcept { return !running_ && wanted_.none(); }

  /// Since when the snapshot may lack what the kernel has: messages were lost and not everything has been dumped since, or the kernel
  /// refuses to dump a part. Absent: it is followed completely.
  [[nodiscard]] std::optional<MonoTime> out_of_step_since() const noexcept { return out_of_step_since_; }

  /// Parts that may have changed silently, or whose dump was disturbed by events; the owner waits a little and then asks for them.
  [[nodiscard]] bool has_doubts() const noexcept { return doubtful_.any(); }
  void want_doubtful() noexcept;
  /// A look without a reason, in case that something was missed.
  void doubt_everything() noexcept { doubtful_.set(); }

  /// Dumps everything, waiting for the kernel; timed_out when `deadline` comes first, failed when the tables never stood still.
  [[nodiscard]] Result<void> read_everything(MonoTime deadline);

 private:
  Follower(NetlinkSocket socket, Mode mode, int receive_buffer)
      : socket_(std::move(socket)), mode_(mode), receive_buffer_(receive_buffer) {}

  [[nodiscard]] static Result<NetlinkSocket> open_socket(const SocketOpener& opener, Mode mode, int receive_buffer);
  void want_everything();
  void read_into(Turn& turn, std::size_t most_messages);
  [[nodiscard]] bool take(const Datagram& datagram, Turn& turn, std::size_t& messages);
  void take(std::span<const std::byte> datagram, Turn& turn, std::size_t& messages);
  [[nodiscard]] bool is_dump_part(const NetlinkMessage& message) const noexcept;
  void take_event(const NetlinkMessage& message, Turn& turn);
  void take_dump_part(const NetlinkMessage& message, Turn& turn);
  void finish_dump(int code, Turn& turn);
  void note_refusal(DumpKind kind, int code, Turn& turn);
  void fall_out_of_step() noexcept;
  void note_overrun(Turn& turn);

  NetlinkSocket socket_;
  Mode mode_;
  int receive_buffer_;
  SnapshotStore store_;
  SnapshotStore collected_;  ///< of the running dump
  std::optional<DumpKind> running_;
  std::uint32_t sequence_ = 0;                          ///< of the running dump
  std::array<MonoTime, dump_kinds> last_event_{};       ///< of each part
  std::array<std::size_t, dump_kinds> route_counts_{};  ///< of each part's last dump
  bool disturbed_ = false;                              ///< events concerned the running dump
  bool interrupted_ = false;                            ///< the running dump is incomplete: its result is thrown away
  DumpSet wanted_;
  DumpSet doubtful_;
  DumpSet unknown_;  ///< not dumped since the start, the last loss or a refusal
  bool lost_ = false;
  std::optional<MonoTime> out_of_step_since_;
  std::array<int, dump_kinds> refusals_{};  ///< of each part, since it was last read
  std::optional<Error> refusal_;            ///< the last one
  bool congested_ = false;                  ///< messages were lost, and the queue has not been read empty since
};

}  // namespace vpn_sentinel
