/// The daemon's answer to `healthcheck`: a Unix socket in the data folder, answered by the loop itself. A loop that hangs does not answer,
/// a daemon that is dead refuses the connection; a file with a time in it would need a write to the disk each second, and a disk that
/// stalls would stall the loop.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// On the loop's thread only.
class HealthSocket {
 public:
  /// Listens as `folder`/probe.health, mode 0600, in place of what stood there: the caller holds the folder's lock. `answer` is called for
  /// each who asks, on the loop; at most 4096 bytes of it are sent. Errors: those of socket(2), bind(2) and listen(2).
  [[nodiscard]] static Result<std::unique_ptr<HealthSocket>> open(boost::asio::io_context& io, const std::string& folder,
                                                                  std::function<std::string()> answer);
  HealthSocket(const HealthSocket&) = delete;
  HealthSocket& operator=(const HealthSocket&) = delete;
  /// Nobody is answered any more; the file goes.
  ~HealthSocket();

 private:
  HealthSocket(boost::asio::io_context& io, int listener, std::string file, std::function<std::string()> answer);
  void wait();
  /// False when somebody waits who could not be accepted (no file descriptor is left).
  [[nodiscard]] bool answer_waiting();

  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer pause_;
  std::string file_;
  std::function<std::string()> answer_;
};

/// What the daemon of `folder` answers. Blocks, at most `patience`. Errors: not_found (no daemon has run there), unreachable (none runs
/// now), timed_out (it hangs), not_permitted (another user's), failed.
[[nodiscard]] Result<std::string> ask_health(const std::string& folder, std::chrono::milliseconds patience);
/// Of that daemon; 0 where the caller's PID namespace does not have it. Asks nothing and does not block. Errors: as of ask_health.
[[nodiscard]] Result<pid_t> pid_of_daemon(const std::string& folder);

}  // namespace vpn_sentinel
