#include "netns/sockets/patient_look.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

namespace vpn_sentinel {
namespace {

/// Shared with threads that may outlive the static variables of the program.
struct Looks {
  std::mutex mutex;
  std::condition_variable done;
  std::set<std::string> running;  ///< whose
};

std::shared_ptr<Looks> all_looks() {
  static const auto looks = std::make_shared<Looks>();
  return looks;
}

Error hanging(const std::string& whose) {
  return {Error::Kind::timed_out,
          fmt::format("a file system that is mounted in the root of {} does not answer (a FUSE or network mount on its /run or /var/run?)",
                      whose)};
}

Result<Fd> guarded(const std::function<Result<Fd>()>& look) {
  try {
    return look();
  } catch (const std::exception& error) {
    return fail(Error::Kind::failed, error.what());
  }
}

}  // namespace

Result<Fd> patient_look(const std::string& whose, std::chrono::milliseconds patience, std::function<Result<Fd>()> look) {
  const auto looks = all_looks();
  const auto found = std::make_shared<std::optional<Result<Fd>>>();
  std::unique_lock lock(looks->mutex);
  if (looks->running.size() >= most_hanging_looks)
    return fail(Error::Kind::overrun, fmt::format("{} looks at files of other programs hang", looks->running.size()));
  if (!looks->running.insert(whose).second) return fail(hanging(whose));
  try {
    std::thread([looks, found, whose, look = std::move(look)] {
      auto result = guarded(look);
      const std::scoped_lock inside(looks->mutex);
      *found = std::move(result);
      looks->running.erase(whose);
      looks->done.notify_all();
    }).detach();
  } catch (const std::system_error& error) {
    looks->running.erase(whose);
    return fail(system_error(error.code().value(), "cannot start a thread"));
  }
  if (!looks->done.wait_for(lock, patience, [&] { return found->has_value(); })) return fail(hanging(whose));
  return std::move(**found);
}

}  // namespace vpn_sentinel
