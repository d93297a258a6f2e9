/// What one reference names now, and news when that may have changed: a name that is deleted or made anew, a process that ends, a container
/// that stops or starts. Events make it fast; the owner's own look each second makes it sure. Used on the loop's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns/namespace/net_namespace.hpp"
#include "probe/watch/container_finder.hpp"
#include "probe/watch/namespace_events.hpp"

namespace vpn_sentinel {

class NamespaceFollower {
 public:
  /// `sockets`: of container engines, for container: only.
  NamespaceFollower(boost::asio::io_context& io, NamespaceRef ref, std::vector<std::string> sockets);
  NamespaceFollower(const NamespaceFollower&) = delete;
  NamespaceFollower& operator=(const NamespaceFollower&) = delete;

  /// `on_news` is called when it is worth asking again; never from inside.
  void start(std::function<void()> on_news);
  void stop();

  /// True from start() until a container has been looked for once.
  [[nodiscard]] bool is_searching() const noexcept { return searching_first_; }
  /// What the reference names. not_found: nothing does now, which includes a name that is just being made.
  [[nodiscard]] Result<NetNamespace> open();
  /// Absent while `known` is still what the reference names; else why not. Not_found "made anew": it names another one.
  [[nodiscard]] std::optional<Error> lost(const NetNamespace& known) const;
  /// The process that pid:, path:/proc/PID/ns/net or container: means; absent: none, or it is not known.
  [[nodiscard]] std::optional<pid_t> process() const;
  /// Looks for a container that is not there; for everything else open() does.
  void search();

 private:
  void subscribe();
  void on_file_event();
  void look_at_file();
  void on_container_event();
  void search_again_soon();
  void on_container(const Result<ContainerProcess>& process);
  /// The kernel tells of the end of the process that was opened; not_found when it has ended already.
  Result<void> follow_process(pid_t pid);
  [[nodiscard]] Result<NetNamespace> open_of_process(const NamespaceRef& ref, pid_t pid);
  [[nodiscard]] bool is_another(pid_t pid) const;
  void on_process_end();
  void forget_container();
  [[nodiscard]] Result<NamespaceRef> resolved() const;

  boost::asio::io_context& io_;
  NamespaceRef ref_;
  std::vector<std::string> sockets_;
  std::function<void()> on_news_;
  std::vector<NamespaceEvents::Subscription> subscriptions_;
  boost::asio::steady_timer retry_;
  int retries_left_ = 0;  ///< after an event: the file may become a namespace, the container may be told of
  std::unique_ptr<boost::asio::posix::stream_descriptor> process_;  ///< pidfd of the process whose namespace is open
  std::optional<std::uint64_t> began_;  ///< when the process that pid: or path: named did: of read_process_times
  bool ended_ = false;                  ///< that process is no more; whoever has its number now is a stranger

  // Of a container:
  ContainerFinder::Request search_;     ///< under way
  Result<ContainerProcess> container_;  ///< as found last
  bool searching_first_ = false;
};

}  // namespace vpn_sentinel
