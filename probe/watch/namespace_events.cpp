#include "probe/watch/namespace_events.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>

#include "netns/base/capabilities.hpp"
#include "netns/base/fd.hpp"
#include "probe/watch/inotify.hpp"

namespace vpn_sentinel {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr std::uint32_t interesting = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
/// A folder that is missing together with its parent is looked for this often.
constexpr std::chrono::seconds retry_period{1};

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string last_part(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace

NamespaceEvents::NamespaceEvents(boost::asio::execution_context& context)
    : service(context), inotify_(static_cast<boost::asio::io_context&>(context)), retry_(static_cast<boost::asio::io_context&>(context)) {
  open();
}

void NamespaceEvents::open() {
  Fd fd{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  boost::system::error_code error;
  if (fd) inotify_.assign(fd.get(), error);
  if (!fd || error) {
    note_trouble(system_error(fd ? error.value() : errno, "inotify cannot be used"));
    return;
  }
  std::ignore = fd.release();  // closed by inotify_ from here on
  wait();
}

NamespaceEvents::Subscription NamespaceEvents::subscribe(const std::string& folder, const std::string& name, Handler handler) {
  auto subscription = std::make_shared<const Handler>(std::move(handler));
  auto& entry = folders_[folder];
  if (entry.subscribers.size() >= entry.tidy_at) {
    std::erase_if(entry.subscribers, [](const Subscriber& subscriber) { return subscriber.handler.expired(); });
    entry.tidy_at = std::max<std::size_t>(64, entry.subscribers.size() * 2);
  }
  entry.subscribers.push_back({name, subscription});
  if (entry.watch < 0) watch(folder, entry);
  return subscription;
}

bool NamespaceEvents::watch(const std::string& path, Folder& folder) {
  if (!inotify_.is_open()) return false;
  const RaisedCapabilities raised(rights_to_look);
  // Added to what is watched there already: one folder may be another one's parent, and both have one number.
  const auto add = [this](const std::string& where, std::uint32_t mask) {
    return ::inotify_add_watch(inotify_.native_handle(), where.c_str(), mask | IN_ONLYDIR | IN_MASK_ADD);
  };
  // First the parent: a folder that is made in between is then either found or told of.
  if (folder.parent_watch < 0) folder.parent_watch = add(parent_of(path), IN_CREATE | IN_MOVED_TO);
  folder.watch = add(path, interesting);
  if (folder.watch < 0) {
    // Not there yet is usual; everything else (no room for more watches, no right) lasts until somebody does something about it.
    if (const int code = errno; code != ENOENT && code != ENOTDIR) note_trouble(system_error(code, "inotify cannot watch " + path));
    retry_later();
  }
  return folder.watch >= 0;
}

void NamespaceEvents::note_trouble(Error trouble) {
  const bool first = !trouble_;
  trouble_ = std::move(trouble);
  if (first && on_trouble_) on_trouble_(*trouble_);
}

void NamespaceEvents::on_trouble(std::function<void(const Error&)> handler) {
  on_trouble_ = std::move(handler);
  if (trouble_ && on_trouble_) on_trouble_(*trouble_);
}

void NamespaceEvents::wait() {
  inotify_.async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    read_inotify(inotify_.native_handle(), [this](int watch, std::uint32_t mask, const std::string& name) { take(watch, mask, name); });
    wait();
  });
}

void NamespaceEvents::take(int descriptor, std::uint32_t mask, const std::string& name) {
  const bool lost = (mask & IN_Q_OVERFLOW) != 0;
  const bool ended = (mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0;
  for (auto& [path, folder] : folders_) {
    if (lost) {
      tell(folder, {});
      continue;
    }
    if (folder.parent_watch == descriptor) {
      if (ended) folder.parent_watch = -1;
      if (folder.watch < 0 && name == last_part(path) && watch(path, folder)) tell(folder, {});
    }
    if (folder.watch != descriptor) continue;
    if (ended) {
      folder.watch = -1;
      watch(path, folder);
      tell(folder, {});
    } else if (!name.empty()) {
      tell(folder, name);
    }
  }
}

void NamespaceEvents::tell(Folder& folder, const std::string& name) {
  // Held while they are called: a handler may end subscriptions and make new ones.
  std::vector<Subscription> told;
  for (const auto& subscriber : folder.subscribers) {
    if (!name.empty() && !subscriber.name.empty() && subscriber.name != name) continue;
    if (auto handler = subscriber.handler.lock()) told.push_back(std::move(handler));
  }
  for (const auto& handler : told) {
    if (handler.use_count() > 1) (*handler)(name);
  }
}

void NamespaceEvents::retry_later() {
  if (std::exchange(retrying_, true)) return;
  retry_.expires_after(retry_period);
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    retrying_ = false;
    for (auto& [path, folder] : folders_) {
      if (folder.watch < 0 && watch(path, folder)) tell(folder, {});
    }
  });
}

}  // namespace vpn_sentinel
