/// Tells when watched files and folders change, also those of other mount namespaces: one inotify(7) instance for all targets of a loop. An
/// event is only a hint. Used on the loop's thread, but for Watcher.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "netns/base/fd.hpp"
#include "netns/namespace/process_root.hpp"

namespace vpn_sentinel {

/// One per loop: boost::asio::use_service<FileEvents>(io). Without inotify nobody is told anything.
class FileEvents : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;

  struct Watch {
    int number = -1;   ///< inotify's
    std::string name;  ///< of a folder: only events of this name; empty: all
  };
  /// Adds watches. For a thread that may be kept for ever by a file system that does not answer; owns all that it uses.
  class Watcher {
   public:
    /// Folders and files that cannot be watched are left out.
    [[nodiscard]] std::vector<Watch> add(const std::vector<WatchPoint>& points, const std::vector<Fd>& files) const;

   private:
    friend class FileEvents;
    std::shared_ptr<const Fd> inotify_;  ///< null: there is none
  };

  using Handler = std::function<void()>;
  /// Ends with its last copy.
  using Subscription = std::shared_ptr<const Handler>;

  explicit FileEvents(boost::asio::execution_context& context);

  [[nodiscard]] const Watcher& watcher() const noexcept { return watcher_; }
  /// Tells of every event of `watches` since they were added. Never from inside.
  [[nodiscard]] Subscription subscribe(const std::vector<Watch>& watches, Handler handler);

 private:
  struct Subscriber {
    std::string name;
    std::weak_ptr<const Handler> handler;
  };

  void shutdown() override;
  void wait();
  void take(int number, std::uint32_t mask, const std::string& name);
  void tell(std::vector<Subscriber>& subscribers, const std::string* name);

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor inotify_;
  Watcher watcher_;
  std::map<int, std::vector<Subscriber>> subscribers_;
  std::set<int> unclaimed_;  ///< events of these came before anybody had subscribed
};

}  // namespace vpn_sentinel
