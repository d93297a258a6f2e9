/// Reports that the hub has not acknowledged yet. Changes are kept in a crash-safe file (SQLite) so that an outage of hub, network or probe
/// loses none; a keepalive lives in memory only, because it says nothing about the time after a restart. Bounded by number, size and age:
/// when full, the oldest keepalive goes first, then the oldest change; what was dropped is counted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {

struct OutboxItem {
  Report report;              ///< with its own boot_id, seq and timestamp
  bool is_change = false;     ///< changes are never superseded; of keepalives only the newest per client is kept
  bool from_earlier = false;  ///< read back from the file: written before this start
  std::size_t bytes = 0;      ///< of its JSON; the outbox fills it in
  MonoTime since = {};        ///< when it was true; the outbox fills it in
};

/// What may wait at most.
struct OutboxBounds {
  std::size_t items = 10'000;
  std::size_t bytes = 64UL * 1024 * 1024;  ///< of JSON
  std::chrono::seconds age = std::chrono::days{7};
};

/// Owned by the loop thread. Writing happens on a thread of its own: enqueue() never waits for the disk.
class Outbox {
 public:
  struct Options {
    std::string file;  ///< "" keeps everything in memory only
    OutboxBounds bounds = {};
    std::chrono::milliseconds retry_after{5'000};  ///< a new try to write after one that failed
  };
  virtual ~Outbox() = default;  ///< everything enqueued is on disk when it returns

  /// Reads what an earlier run left. An Error only when another process has the file open. A damaged file is moved aside to
  /// FILE.corrupt-N, and what is intact in it is taken over; a file that cannot be opened is tried again later. Both are told by trouble().
  [[nodiscard]] static Result<std::unique_ptr<Outbox>> open(const Options& options);

  virtual void enqueue(OutboxItem item) = 0;
  /// The oldest unacknowledged item of `client_id`; null when there is none. Valid until the next call.
  [[nodiscard]] virtual const OutboxItem* front(const std::string& client_id) const = 0;
  /// The oldest change alone, and the keepalive alone: the hub orders by seq, so neither has to wait for the other.
  [[nodiscard]] virtual const OutboxItem* front_change(const std::string& client_id) const = 0;
  [[nodiscard]] virtual const OutboxItem* keepalive(const std::string& client_id) const = 0;
  /// The oldest changes, in order, at most `most` of them and, beyond the first, at most `most_bytes` of JSON.
  [[nodiscard]] virtual std::vector<const OutboxItem*> front_changes(const std::string& client_id, std::size_t most,
                                                                     std::size_t most_bytes) const = 0;
  virtual void acknowledged(const std::string& client_id, const std::string& boot_id, std::uint64_t seq) = 0;
  [[nodiscard]] virtual std::vector<std::string> clients() const = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Since the start: over a bound, or not readable in the file.
  [[nodiscard]] virtual std::uint64_t dropped() const = 0;
  /// Why the file cannot be written at the moment, if so (disk full, read-only): delivery goes on from memory. Also that a damaged file
  /// was moved aside, until somebody has taken that file away or the probe starts again.
  [[nodiscard]] virtual std::optional<std::string> trouble() const = 0;
  /// Waits until the file is like the memory; false after `most`.
  [[nodiscard]] virtual bool wait_written(std::chrono::milliseconds most) = 0;
};

}  // namespace vpn_sentinel
