/// Finds the first process of containers on a thread of its own: an engine that hangs must not stall the loop of 1,000 targets.
#pragma once

#include <sys/types.h>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// The first process of a container. Its number alone may be a stranger's a moment later: whoever holds the process asks
/// is_container_process again with `id`.
struct ContainerProcess {
  pid_t pid = 0;
  std::string id;  ///< the full one, or the beginning that was asked for
  friend bool operator==(const ContainerProcess&, const ContainerProcess&) = default;
};

/// One per loop: boost::asio::use_service<ContainerFinder>(io). Used on the loop's thread.
class ContainerFinder : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  using Handler = std::function<void(Result<ContainerProcess>)>;
  /// The answer is told as long as its copies live.
  using Request = std::shared_ptr<const Handler>;

  explicit ContainerFinder(boost::asio::execution_context& context);

  /// Asks the engines at `sockets` in order; then, for an id, cgroups and crun's state. The handler is called once, on the loop, never from
  /// inside. Errors: not_found (no such container, or it does not run), not_permitted, timed_out (an engine that did not answer is left
  /// alone for 5 s), unavailable (there is no engine and no id; or the engine's processes are not visible from here), invalid.
  [[nodiscard]] Request find(std::string container, std::vector<std::string> sockets, Handler handler);

 private:
  struct Task {
    std::string container;
    std::vector<std::string> sockets;
    std::weak_ptr<const Handler> handler;
  };

  void shutdown() override;
  void run(const std::stop_token& stop);
  [[nodiscard]] Result<ContainerProcess> look_for(const Task& task, const std::stop_token& stop);
  [[nodiscard]] Result<ContainerProcess> ask(const std::string& socket, const std::string& container, const std::stop_token& stop);

  boost::asio::io_context& io_;
  std::map<std::string, MonoTime> hanging_;  ///< sockets that did not answer, and until when they are left alone; of the thread
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Task> tasks_;  ///< one per target at most, because each asks again only when it has its answer
  std::jthread thread_;      ///< started with the first task
};

}  // namespace vpn_sentinel
