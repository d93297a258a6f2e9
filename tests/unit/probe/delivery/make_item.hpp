/// Items and outboxes for the delivery tests.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include "netns/base/random.hpp"
#include "probe/delivery/outbox.hpp"

namespace vpn_sentinel::test {

/// Reports of long ago are not sent any more.
inline WallTime an_hour_ago() {
  static const WallTime time = std::chrono::floor<std::chrono::seconds>(wall_now()) - std::chrono::hours{1};
  return time;
}

inline OutboxItem make_item(const std::string& client_id, std::uint64_t seq, bool is_change) {
  OutboxItem item;
  item.report.client_id = client_id;
  item.report.boot_id = "b1";
  item.report.seq = seq;
  item.report.timestamp = an_hour_ago() + std::chrono::milliseconds{seq};
  item.report.client_version = "1.0.0";
  item.report.trigger = is_change ? "change" : "interval";
  item.report.state = is_change ? State::danger : State::secure;
  item.is_change = is_change;
  return item;
}
inline OutboxItem change(std::uint64_t seq, const std::string& client_id = "a") { return make_item(client_id, seq, true); }
inline OutboxItem keepalive(std::uint64_t seq, const std::string& client_id = "a") { return make_item(client_id, seq, false); }

/// "-", or the seq of the item.
inline std::string seq_of(const OutboxItem* item) { return item ? std::to_string(item->report.seq) : "-"; }

/// A folder of its own that goes with the test.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::filesystem::path& place = std::filesystem::temp_directory_path())
      : path_(place / ("vpn-sentinel-" + random_hex(8))) {
    std::filesystem::create_directory(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name = "outbox.sqlite") const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Where writing costs no disk, if there is such a place: for tests that write thousands of files.
inline std::filesystem::path place_in_memory() {
  return ::access("/dev/shm", W_OK) == 0 ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
}

inline std::unique_ptr<Outbox> open_outbox(const std::string& file, std::size_t most = 10'000) {
  return Outbox::open({file, {most}, std::chrono::milliseconds{10}}).value();
}

/// The seqs of all items of one client, oldest first; the outbox is empty of them afterwards.
inline std::string take_all(Outbox& outbox, const std::string& client_id = "a") {
  std::string seqs;
  while (const auto* const item = outbox.front(client_id)) {
    seqs += (seqs.empty() ? "" : " ") + seq_of(item);
    const auto report = item->report;
    outbox.acknowledged(client_id, report.boot_id, report.seq);
  }
  return seqs;
}

}  // namespace vpn_sentinel::test
