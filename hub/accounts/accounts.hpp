/// The accounts of a running hub: who is asking, read by any thread without waiting for the disk; changes one after the other on a thread
/// of their own; passwords on another one, because each takes 0.1 s and 64 MiB.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/directory.hpp"
#include "hub/accounts/password.hpp"
#include "netns/base/bounded_queue.hpp"

namespace vpn_sentinel {

class Accounts {
 public:
  static constexpr std::size_t most_changes_waiting = 1'000;
  static constexpr std::size_t most_passwords_waiting = 16;

  struct Options {
    SessionLimits limits;
    PasswordCost cost;
    std::function<WallTime()> now = wall_now;
    /// Somebody's rights may have changed: what goes on without requests has to be looked at. On the thread of changes.
    std::function<void()> on_changed = [] {};
    std::function<void(const Error&)> on_trouble = [](const Error&) {};
  };

  [[nodiscard]] static Result<std::unique_ptr<Accounts>> start(const std::string& path, Options options);
  /// Finishes what waits.
  ~Accounts();
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  // Any thread.
  [[nodiscard]] std::shared_ptr<const Directory> directory() const;
  [[nodiscard]] bool has_users() const { return !directory()->users.empty(); }
  [[nodiscard]] const Options& options() const noexcept { return options_; }

  /// Nullopt: unknown, or over. Asking counts as using the session.
  [[nodiscard]] std::optional<Identity> by_session(std::string_view secret);
  [[nodiscard]] std::optional<Identity> by_token(std::string_view secret) const;
  [[nodiscard]] std::optional<Identity> by_jwt(std::string_view token) const;
  /// Whom a trusted proxy names; nullopt: no user of that name.
  [[nodiscard]] std::optional<Identity> by_name(std::string_view name) const;
  /// False: nonsense, or a log-in that has ended; found out without the file and its thread, as anybody may ask.
  [[nodiscard]] bool knows_family_of(std::string_view refresh_token) const;
  /// Would it still be let in? A page that is open counts as using its session.
  [[nodiscard]] bool holds(const Identity& identity);

  /// `job` on the thread of changes. What it returns is called when the directory has what was changed. An empty job only looks whether
  /// somebody else has changed the file. False: too many wait.
  using Reply = std::function<void()>;
  using Job = std::function<Reply(AccountFile&)>;
  [[nodiscard]] bool change(Job job) { return changes_.try_push(std::move(job)); }

  /// On the thread of changes. The session counts no more, also when the file cannot be written: then that is done when it can be again.
  void end_session(AccountFile& file, const std::string& hash, const Actor& actor);

  /// `job` on the thread of passwords. False: too many wait.
  [[nodiscard]] bool hash(std::function<void()> job) { return passwords_.try_push(std::move(job)); }
  /// A hash that nobody's password has: who is unknown takes as long as who is known. Slow; on the thread of passwords.
  [[nodiscard]] const std::string& nobodys_hash();

  /// Once per second or so: reads again what a command has changed, notes who was seen, removes what has expired.
  void turn();

 private:
  Accounts(AccountFile file, Directory directory, Options options);

  void run_changes();
  void run_passwords();
  void reload();
  void look();
  void keep_house();
  [[nodiscard]] Result<void> write_ended(AccountFile& file);
  [[nodiscard]] Identity identity_of(const User& user, Identity::By by) const;
  void note_seen(const std::string& hash, WallTime now);
  [[nodiscard]] WallTime seen(const std::string& hash) const;

  Options options_;
  AccountFile file_;
  std::string version_;  ///< of the file, as it was read
  mutable std::mutex mutex_;
  std::shared_ptr<const Directory> directory_;
  std::unordered_map<std::string, WallTime> seen_;
  std::unordered_map<std::string, Actor> ended_;  ///< sessions that the file still has, and who ended them; of the thread of changes
  std::string nobodys_hash_;
  MonoTime next_look_{};
  MonoTime next_housekeeping_{};
  BoundedQueue<Job> changes_{most_changes_waiting};
  BoundedQueue<std::function<void()>> passwords_{most_passwords_waiting};
  std::thread change_thread_;
  std::thread password_thread_;
};

/// The CSRF token that goes with a session or with whom a proxy names. The session's secret cannot be found from it.
[[nodiscard]] std::string csrf_token(std::string_view signing_key, Identity::By by, std::string_view credential);

}  // namespace vpn_sentinel
