#include "probe/watch/namespace_follower.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "netns/namespace/container_process.hpp"
#include "netns/namespace/process_times.hpp"

namespace vpn_sentinel {
namespace {

using boost::asio::posix::stream_descriptor;
using namespace std::chrono_literals;

/// A file appears before the namespace is mounted on it, and an engine knows of a container some time after its files appear.
constexpr int file_retries = 7;       // 1 ms, doubled: 127 ms in all
constexpr int container_retries = 6;  // 10 ms, doubled: 630 ms in all
constexpr std::chrono::milliseconds first_file_retry = 1ms;
constexpr std::chrono::milliseconds first_container_retry = 10ms;

/// Where something appears when a container gets its namespace or its first process: Podman and CNI, Docker, crun.
constexpr const char* container_folders[]{named_namespaces, "/run/docker/netns", "/run/crun"};

Fd open_process(pid_t pid) { return Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))}; }  // pidfd_open(2): Linux 5.3, glibc 2.36

bool has_ended(int pidfd) {
  pollfd poll_fd{pidfd, POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

Error stranger(const NamespaceRef& ref) {
  return {Error::Kind::not_found,
          fmt::format("the process of {} has ended; a program that has its number now is another one", ref.to_string())};
}

Error process_gone(pid_t pid) { return {Error::Kind::not_found, fmt::format("there is no process {}", pid)}; }

/// By the number alone. What cannot be read in /proc for want of descriptors has not ended for that.
bool runs(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

}  // namespace

NamespaceFollower::NamespaceFollower(boost::asio::io_context& io, NamespaceRef ref, std::vector<std::string> sockets)
    : io_(io),
      ref_(std::move(ref)),
      sockets_(std::move(sockets)),
      retry_(io),
      container_(fail(Error::Kind::timed_out, fmt::format("{} has not been found yet", ref_.to_string()))) {}

void NamespaceFollower::start(std::function<void()> on_news) {
  on_news_ = std::move(on_news);
  subscribe();
  if (ref_.kind != NamespaceRef::Kind::container) return;
  searching_first_ = true;
  search();
}

void NamespaceFollower::stop() {
  on_news_ = nullptr;
  subscriptions_.clear();
  search_.reset();
  process_.reset();
  retry_.cancel();
}

void NamespaceFollower::subscribe() {
  auto& events = boost::asio::use_service<NamespaceEvents>(io_);
  switch (ref_.kind) {
    case NamespaceRef::Kind::name:
    case NamespaceRef::Kind::path: {
      const auto file = ref_.file();
      // procfs sends no events; a process is followed by its pidfd.
      if (file.starts_with("/proc/")) return;
      const auto slash = file.find_last_of('/');
      subscriptions_.push_back(events.subscribe(slash == 0 ? "/" : file.substr(0, slash), file.substr(slash + 1),
                                                [this](const std::string&) { on_file_event(); }));
      return;
    }
    case NamespaceRef::Kind::container:
      for (const auto* const folder : container_folders) {
        subscriptions_.push_back(events.subscribe(folder, {}, [this](const std::string&) { on_container_event(); }));
      }
      return;
    case NamespaceRef::Kind::pid:
    case NamespaceRef::Kind::self:
      return;
  }
}

void NamespaceFollower::on_file_event() {
  retries_left_ = file_retries;
  look_at_file();
}

void NamespaceFollower::look_at_file() {
  const auto identity = NetNamespace::identity_of(ref_);
  const bool unfinished = !identity && identity.error().kind == Error::Kind::invalid && retries_left_ > 0;
  if (on_news_) on_news_();
  if (!unfinished) {
    retries_left_ = 0;
    return;
  }
  retry_.expires_after(first_file_retry * (1 << (file_retries - retries_left_)));
  --retries_left_;
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look_at_file();
  });
}

void NamespaceFollower::on_container_event() {
  if (container_ || retries_left_ > 0) return;
  retries_left_ = container_retries;
  search_again_soon();
}

void NamespaceFollower::search_again_soon() {
  if (retries_left_ == 0) return;
  retry_.expires_after(first_container_retry * (1 << (container_retries - retries_left_)));
  --retries_left_;
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    search();
    search_again_soon();
  });
}

void NamespaceFollower::search() {
  if (ref_.kind != NamespaceRef::Kind::container || container_ || search_) return;
  search_ = boost::asio::use_service<ContainerFinder>(io_).find(ref_.value, sockets_,
                                                                [this](const Result<ContainerProcess>& process) { on_container(process); });
}

void NamespaceFollower::on_container(const Result<ContainerProcess>& process) {
  const auto keep = std::move(search_);  // the handler that runs now belongs to it
  searching_first_ = false;
  const bool known_gone = !container_ && container_.error().kind == Error::Kind::not_found;
  const bool tells_less = !process && known_gone && process.error().kind != Error::Kind::not_found;
  // An engine that cannot be asked does not bring an ended container back: it stays gone.
  if (tells_less) return;
  const bool news = process || container_ != process;
  container_ = process;
  if (process) {
    retries_left_ = 0;
    retry_.cancel();
  }
  if (news && on_news_) on_news_();
}

Result<NamespaceRef> NamespaceFollower::resolved() const {
  if (ref_.kind != NamespaceRef::Kind::container) return ref_;
  if (!container_) return fail(container_.error());
  return NamespaceRef::of_pid(container_->pid);
}

std::optional<pid_t> NamespaceFollower::process() const {
  const auto ref = resolved();
  return ref ? ref->process() : std::nullopt;
}

Result<NetNamespace> NamespaceFollower::open() {
  if (process_ && has_ended(process_->native_handle())) on_process_end();
  process_.reset();
  const auto named = ref_.process();
  if (named && is_another(*named)) ended_ = true;
  if (ended_) return fail(stranger(ref_));
  const auto ref = resolved();
  if (!ref) return fail(ref.error());
  const auto pid = ref->process();
  auto opened = pid ? open_of_process(*ref, *pid) : NetNamespace::open(*ref);
  if (opened) return opened;
  process_.reset();
  if (retries_left_ > 0 && opened.error().kind == Error::Kind::invalid) {
    return fail(Error::Kind::not_found, fmt::format("{} is being made", ref_.to_string()));
  }
  return opened;
}

/// The process is held first and only then taken for the one that is meant: from there on its number cannot become a stranger's unseen.
Result<NetNamespace> NamespaceFollower::open_of_process(const NamespaceRef& ref, pid_t pid) {
  const auto times = read_process_times(pid);
  const auto end = [&]() -> Result<NetNamespace> {
    on_process_end();
    return fail(ref_.kind == NamespaceRef::Kind::container ? container_.error() : process_gone(pid));
  };
  if (auto followed = follow_process(pid); !followed) {
    forget_container();
    return fail(ref_.kind == NamespaceRef::Kind::container ? container_.error() : followed.error());
  }
  if (container_ && !is_container_process(pid, container_->id)) return end();
  auto opened = NetNamespace::open(ref);
  if (!opened) return opened;
  if (process_ && has_ended(process_->native_handle())) return end();
  // Where the process could not be held, its beginning shows whether it was one and the same all the time.
  const auto now = read_process_times(pid);
  if (times && (now ? now->start != times->start : !runs(pid))) return end();
  if (times && !now && !process_) return fail(Error::Kind::unavailable, fmt::format("process {} cannot be looked at", pid));
  if (times && ref_.process()) began_ = times->start;
  return opened;
}

/// Whether the number that pid: or path: names belongs to another process than at first, or to none.
bool NamespaceFollower::is_another(pid_t pid) const {
  if (!began_) return false;
  const auto now = read_process_times(pid);
  return now ? now->start != *began_ : !runs(pid);
}

std::optional<Error> NamespaceFollower::lost(const NetNamespace& known) const {
  // A process that is held tells its end by itself.
  const auto named = ref_.process();
  if (named && !process_ && is_another(*named)) return stranger(ref_);
  const auto ref = resolved();
  if (!ref) return ref.error();
  if (known.is_named_by(*ref)) return std::nullopt;
  const auto now = NetNamespace::identity_of(*ref);
  if (now) return Error{Error::Kind::not_found, fmt::format("{} was made anew", ref_.to_string())};
  if (retries_left_ > 0 && now.error().kind == Error::Kind::invalid) {
    return Error{Error::Kind::not_found, fmt::format("{} is being made", ref_.to_string())};
  }
  return now.error();
}

Result<void> NamespaceFollower::follow_process(pid_t pid) {
  Fd fd = open_process(pid);
  if (!fd) {
    if (errno == ESRCH) return fail(process_gone(pid));
    return {};  // a filter (seccomp) forbids it, or no descriptor is left: the look each second and the beginning remain
  }
  if (has_ended(fd.get())) return fail(process_gone(pid));
  boost::system::error_code error;
  auto watched = std::make_unique<stream_descriptor>(io_);
  watched->assign(fd.get(), error);
  if (error) return {};
  std::ignore = fd.release();  // closed by `watched` from here on
  process_ = std::move(watched);
  process_->async_wait(stream_descriptor::wait_read, [this, number = process_->native_handle()](const boost::system::error_code& failed) {
    if (failed || !process_ || process_->native_handle() != number || !has_ended(number)) return;
    on_process_end();
    if (on_news_) on_news_();
    search();
  });
  return {};
}

void NamespaceFollower::on_process_end() {
  process_.reset();
  ended_ = ref_.process().has_value();
  forget_container();
}

void NamespaceFollower::forget_container() {
  if (ref_.kind == NamespaceRef::Kind::container && container_) {
    container_ = fail(Error::Kind::not_found, fmt::format("the container {} is not running: its first process has ended", ref_.value));
  }
}

}  // namespace vpn_sentinel
