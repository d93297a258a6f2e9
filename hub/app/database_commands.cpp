#include "hub/app/database_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "hub/accounts/account_file.hpp"
#include "hub/accounts/account_schema.hpp"
#include "hub/store/backup.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace vpn_sentinel {
namespace {

/// How a shell tells the end by a signal.
constexpr int exit_by_signal = 128;

volatile std::sig_atomic_t stop_signal = 0;

void note_signal(int number) { stop_signal = number; }

/// Once: who presses Ctrl-C twice means it.
void heed_stop_signals() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

int exit_code_of(BackupFailure::Kind kind) {
  if (kind == BackupFailure::Kind::stopped) return exit_by_signal + stop_signal;
  return kind == BackupFailure::Kind::damaged ? exit_wrong_data : exit_cannot_create;
}

std::string database_of(const std::string& data_dir) { return data_dir + "/hub.db"; }

void require_readable(const std::string& file) {
  if (::access(file.c_str(), R_OK) == 0) return;
  const auto reason = system_error(errno, fmt::format("the database {} cannot be read", file)).message;
  throw FatalError(exit_no_input, fmt::format("{}; name the folder with --data-dir, and run as the hub's user or root", reason));
}

}  // namespace

int backup_command(const std::string& data_dir, const std::string& target) {
  const auto source = database_of(data_dir);
  require_readable(source);
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const auto show = [terminal](int copied, int total) {
    if (terminal && total > 0) fmt::print(stderr, "\r{:3} % of {} pages", static_cast<long>(copied) * 100 / total, total);
    return stop_signal == 0;
  };
  heed_stop_signals();
  // The accounts first: they are small, and taken away again when the rest fails.
  const auto accounts = account_file_path(data_dir);
  const auto accounts_target = target + ".accounts";
  const bool has_accounts = ::access(accounts.c_str(), F_OK) == 0;
  auto done = has_accounts ? backup_database(accounts, accounts_target, show, account_schema()) : tl::expected<void, BackupFailure>();
  const bool made = has_accounts && done.has_value();
  if (done) done = backup_database(source, target, show);
  if (terminal) fmt::print(stderr, "\r\x1b[K");
  if (!done) {
    if (made) ::unlink(accounts_target.c_str());
    throw FatalError(exit_code_of(done.error().kind), fmt::format("no backup was made: {}", done.error().message));
  }
  fmt::print("{} is backed up to {}{}; its integrity was checked.\n", source, target,
             has_accounts ? fmt::format(", and the accounts to {}", accounts_target) : "");
  return 0;
}

int check_database_command(const std::string& data_dir, const std::string& file) {
  const auto name = file.empty() ? database_of(data_dir) : file;
  require_readable(name);
  const auto report = check_database(name);
  if (!report) {
    fmt::print("{}\n", report.error().message);
    return 1;
  }
  fmt::print("{} is whole: {} reports of {} clients, {} incidents, {} bytes.\n", name, report->reports, report->clients, report->incidents,
             report->bytes);
  return 0;
}

}  // namespace vpn_sentinel
