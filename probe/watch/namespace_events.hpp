/// Tells at once when files appear or vanish where namespaces have their names: one inotify(7) instance for all targets of a loop. An event
/// is only a hint; what counts is what the file is now. Used on the loop's thread only.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// One per loop: boost::asio::use_service<NamespaceEvents>(io). Without inotify (its limits are per user) nobody is told anything, and the
/// targets' own look each second remains; on_trouble() says so.
class NamespaceEvents : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  /// `name`: the file that appeared or vanished; empty when the whole folder did, or events were lost: look at everything.
  using Handler = std::function<void(const std::string& name)>;
  /// Ends with its last copy.
  using Subscription = std::shared_ptr<const Handler>;

  explicit NamespaceEvents(boost::asio::execution_context& context);

  /// `folder` need not exist yet. With a `name` only that file is told of.
  [[nodiscard]] Subscription subscribe(const std::string& folder, const std::string& name, Handler handler);
  /// Called once, at once or later, with why some folder cannot be followed. A folder that does not exist is no trouble.
  void on_trouble(std::function<void(const Error&)> handler);

 private:
  struct Subscriber {
    std::string name;
    std::weak_ptr<const Handler> handler;
  };
  struct Folder {
    int watch = -1;         ///< -1: the folder does not exist
    int parent_watch = -1;  ///< tells when it appears
    std::vector<Subscriber> subscribers;
    std::size_t tidy_at = 64;  ///< ended ones are swept out when there are so many
  };

  void shutdown() override { inotify_.close(); }
  void open();
  void note_trouble(Error trouble);
  /// True when the folder is watched only since now.
  bool watch(const std::string& path, Folder& folder);
  void wait();
  void take(int descriptor, std::uint32_t mask, const std::string& name);
  void tell(Folder& folder, const std::string& name);
  void retry_later();

  boost::asio::posix::stream_descriptor inotify_;
  boost::asio::steady_timer retry_;
  std::map<std::string, Folder> folders_;
  std::optional<Error> trouble_;  ///< the last one
  std::function<void(const Error&)> on_trouble_;
  bool retrying_ = false;
};

}  // namespace vpn_sentinel
