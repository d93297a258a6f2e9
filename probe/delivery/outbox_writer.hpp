/// The thread that keeps the outbox's file like its memory. put() and remove() only note what to do and never wait for the disk.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "probe/delivery/outbox_file.hpp"

namespace vpn_sentinel {

/// A damaged file that was replaced by a fresh one.
struct MovedAside {
  std::string file;  ///< its new name
  std::string why;   ///< a sentence with the damage and the new name
};

/// What is noted is bounded by itself: at most one row per waiting item, and one removal per row in the file.
class OutboxWriter {
 public:
  struct Start {
    std::string path;
    std::optional<OutboxFile> file;  ///< absent: could not be opened; tried again every `retry_after`
    std::string trouble;             ///< why
    std::chrono::milliseconds retry_after{5'000};
  };
  explicit OutboxWriter(Start start);
  ~OutboxWriter();  ///< writes what is noted, once more if need be
  OutboxWriter(const OutboxWriter&) = delete;
  OutboxWriter& operator=(const OutboxWriter&) = delete;

  void put(std::uint64_t id, OutboxRow row);
  /// A row that was not written yet is never written.
  void remove(std::uint64_t id);
  /// True once after the file had to be replaced: everything must be put again.
  [[nodiscard]] bool take_wants_everything();
  [[nodiscard]] std::optional<std::string> trouble() const;
  /// What happened to the file while running, if anything did.
  [[nodiscard]] std::optional<MovedAside> moved_aside() const;
  /// True when all is written, false after `most`.
  [[nodiscard]] bool wait_written(std::chrono::milliseconds most);

 private:
  using Lock = std::unique_lock<std::mutex>;

  void run();
  void wait_for_work(Lock& lock);
  [[nodiscard]] Result<void> write(const OutboxBatch& batch);
  bool replace_damaged(const Error& why);
  void take_back(const OutboxBatch& batch);

  const std::string path_;
  const std::chrono::milliseconds retry_after_;
  std::optional<OutboxFile> file_;  ///< the thread's own

  mutable std::mutex mutex_;  ///< guards everything below
  std::condition_variable work_;
  std::condition_variable written_;
  OutboxBatch noted_;
  std::optional<std::chrono::steady_clock::time_point> removal_since_;
  bool writing_ = false;
  bool hurry_ = false;
  bool stopping_ = false;
  bool wants_everything_ = false;
  std::optional<std::string> trouble_;
  std::optional<MovedAside> moved_aside_;

  std::thread thread_;  ///< last: everything above is there before it starts
};

}  // namespace vpn_sentinel
