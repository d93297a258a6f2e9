/// Follows which resolver the programs of one target use: the files are read on a helper thread, because their file systems may not answer,
/// and again as soon as they, their folders or what is mounted there changes. Used on the loop's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "netns/base/clock.hpp"
#include "netns/namespace/socket_opener.hpp"
#include "probe/checks/resolver_path.hpp"
#include "probe/watch/file_events.hpp"

namespace vpn_sentinel {

class ResolverWatch {
 public:
  /// `on_news`: the first answer is there, or another one than before; never from inside.
  ResolverWatch(boost::asio::io_context& io, std::function<void()> on_news);
  ResolverWatch(const ResolverWatch&) = delete;
  ResolverWatch& operator=(const ResolverWatch&) = delete;
  ~ResolverWatch();

  void start(ResolverSource source, SocketOpener inside);
  void stop();
  /// Once a second or so: reads again after a minute, for what no event tells.
  void refresh(MonoTime now);

  /// Absent: the first answer is awaited, or nothing was started.
  [[nodiscard]] const std::optional<Result<ResolverPath>>& path() const noexcept { return path_; }

 private:
  struct Job;
  struct Outcome;

  /// `self` may be gone when this says no.
  [[nodiscard]] static bool is_current(const ResolverWatch* self, const std::weak_ptr<const Job>& weak);
  void read();
  void read_soon();
  void take(const std::shared_ptr<Outcome>& outcome);
  void follow_mounts();
  void wait_for_mounts();

  boost::asio::io_context& io_;
  std::function<void()> on_news_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<const Job> job_;  ///< also tells answers about an earlier start apart
  std::unique_ptr<boost::asio::posix::stream_descriptor> mounts_;
  FileEvents::Subscription subscription_;
  std::optional<Result<ResolverPath>> path_;
  bool reading_ = false;
  bool again_ = false;  ///< something changed while it was read
  MonoTime read_at_{};
};

}  // namespace vpn_sentinel
