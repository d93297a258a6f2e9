/// Copies the SQLite log into the database on a thread and a connection of its own, while the writer goes on committing. What is left for
/// the writer is to begin the log anew, which takes microseconds then.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

class Checkpointer {
 public:
  /// 16 MB of log at 8 KiB, or a quarter of the room that the disk has left: large enough to write many pages once only, small enough to be
  /// copied within a few hundred milliseconds.
  static constexpr int worth_it = 2'000;

  [[nodiscard]] static Result<std::unique_ptr<Checkpointer>> start(const std::string& file);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// After a commit: the log has this many pages.
  void note(int log_pages);
  /// The log is to be copied now, however short it is.
  void kick();
  /// True once after a copy: the writer should begin the log anew (SQLITE_CHECKPOINT_RESTART) before its next transaction.
  [[nodiscard]] bool take_copied();
  /// Why the last copy failed; nullopt: it did not.
  [[nodiscard]] std::optional<Error> trouble() const;

 private:
  Checkpointer(Database database, std::string file);
  /// On a small or nearly full disk the log has to be copied earlier, else it takes the room into which it would be copied.
  void look_at_room(int log_pages);
  void run();
  [[nodiscard]] std::optional<Error> copy();

  Database database_;
  const std::string file_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool wanted_ = false;
  bool copied_ = false;
  bool ends_ = false;
  int next_at_ = worth_it;  ///< pages; grows while a reader keeps the log from beginning anew
  int worth_ = worth_it;    ///< as few pages as the disk has room for; the writer's, as the next
  int looked_at_ = 0;       ///< pages that the log had when the room was looked at
  std::optional<Error> trouble_;
  std::thread thread_;
};

}  // namespace vpn_sentinel
