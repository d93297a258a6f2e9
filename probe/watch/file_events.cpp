#include "probe/watch/file_events.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <tuple>
#include <utility>

#include "probe/watch/inotify.hpp"

namespace vpn_sentinel {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr std::uint32_t folder_events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_ADD;
/// IN_ATTRIB: a file that was renamed over or deleted while it is open has one link less.
constexpr std::uint32_t file_events = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_MASK_ADD;
constexpr std::size_t most_unclaimed = 256;

int add_watch(int inotify, const Fd& file, std::uint32_t mask) {
  // The descriptor is the file, whatever has its name by now, and in whatever mount namespace.
  return ::inotify_add_watch(inotify, fmt::format("/proc/self/fd/{}", file.get()).c_str(), mask);
}

}  // namespace

std::vector<FileEvents::Watch> FileEvents::Watcher::add(const std::vector<WatchPoint>& points, const std::vector<Fd>& files) const {
  std::vector<Watch> watches;
  if (!inotify_) return watches;
  for (const auto& point : points) {
    if (const int number = add_watch(inotify_->get(), point.folder, folder_events | IN_ONLYDIR); number >= 0)
      watches.push_back({number, point.name});
  }
  for (const auto& file : files) {
    if (const int number = add_watch(inotify_->get(), file, file_events); number >= 0) watches.push_back({number, {}});
  }
  return watches;
}

FileEvents::FileEvents(boost::asio::execution_context& context)
    : service(context), io_(static_cast<boost::asio::io_context&>(context)), inotify_(io_) {
  Fd fd{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  auto copy = std::make_shared<const Fd>(fd ? ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0) : -1);
  boost::system::error_code error;
  if (fd) inotify_.assign(fd.get(), error);
  if (!fd || error || !*copy) return;
  std::ignore = fd.release();  // closed by inotify_ from here on
  watcher_.inotify_ = std::move(copy);
  wait();
}

void FileEvents::shutdown() {
  boost::system::error_code ignored;
  inotify_.close(ignored);
  watcher_.inotify_.reset();
}

FileEvents::Subscription FileEvents::subscribe(const std::vector<Watch>& watches, Handler handler) {
  auto subscription = std::make_shared<const Handler>(std::move(handler));
  bool missed = false;
  for (const auto& watch : watches) {
    auto& subscribers = subscribers_[watch.number];
    std::erase_if(subscribers, [](const Subscriber& item) { return item.handler.expired(); });
    subscribers.push_back({watch.name, subscription});
    missed = unclaimed_.erase(watch.number) > 0 || missed;
  }
  if (missed) {
    boost::asio::post(io_, [weak = std::weak_ptr<const Handler>(subscription)] {
      if (const auto told = weak.lock()) (*told)();
    });
  }
  return subscription;
}

void FileEvents::wait() {
  inotify_.async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    read_inotify(inotify_.native_handle(), [this](int watch, std::uint32_t mask, const std::string& name) { take(watch, mask, name); });
    wait();
  });
}

void FileEvents::take(int number, std::uint32_t mask, const std::string& name) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    for (auto& [watch, subscribers] : subscribers_) tell(subscribers, nullptr);
    return;
  }
  const auto found = subscribers_.find(number);
  if (found == subscribers_.end() || std::ranges::all_of(found->second, [](const Subscriber& item) { return item.handler.expired(); })) {
    if (found != subscribers_.end()) subscribers_.erase(found);
    // Nobody yet, or nobody any more: both end here, so that watches that nobody wants do not pile up for ever.
    unclaimed_.insert(number);
    // The kernel numbers watches upwards: the lowest is the oldest, for which nobody will come any more.
    if (unclaimed_.size() > most_unclaimed) unclaimed_.erase(unclaimed_.begin());
    if ((mask & IN_IGNORED) == 0) ::inotify_rm_watch(inotify_.native_handle(), number);
    return;
  }
  auto subscribers = (mask & IN_IGNORED) != 0 ? std::exchange(found->second, {}) : found->second;
  if ((mask & IN_IGNORED) != 0) subscribers_.erase(found);
  tell(subscribers, name.empty() ? nullptr : &name);
}

void FileEvents::tell(std::vector<Subscriber>& subscribers, const std::string* name) {
  // Held while they are called: a handler may end subscriptions and make new ones.
  std::vector<Subscription> told;
  for (const auto& subscriber : subscribers) {
    if (name && !subscriber.name.empty() && subscriber.name != *name) continue;
    if (auto handler = subscriber.handler.lock()) told.push_back(std::move(handler));
  }
  for (const auto& handler : told) {
    if (handler.use_count() > 1) (*handler)();
  }
}

}  // namespace vpn_sentinel
