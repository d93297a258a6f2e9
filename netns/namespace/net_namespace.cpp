#include "netns/namespace/net_namespace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "netns/base/capabilities.hpp"

namespace vpn_sentinel {
namespace {

struct OpenNamespace {
  Fd fd;
  NamespaceIdentity identity;
};

Error open_error(const NamespaceRef& ref, int code) {
  const auto file = ref.file();
  if (code == ENOENT || code == ESRCH) {
    if (ref.kind == NamespaceRef::Kind::name) {
      return {Error::Kind::not_found,
              fmt::format("there is no network namespace '{}' (no file {}); 'ip netns list' shows the names", ref.value, file)};
    }
    if (ref.kind == NamespaceRef::Kind::pid) return {Error::Kind::not_found, fmt::format("there is no process {}", ref.value)};
  }
  auto error = system_error(code, "cannot open " + file);
  if (error.kind == Error::Kind::not_permitted) error.message += " (the namespace of another user's process needs CAP_SYS_PTRACE)";
  return error;
}

Error not_a_namespace(const NamespaceRef& ref, mode_t mode) {
  if (ref.kind == NamespaceRef::Kind::name && S_ISREG(mode)) {
    // ip-netns(8) makes a plain file and mounts the namespace over it: this one was never mounted, or is unmounted already.
    return {Error::Kind::invalid, fmt::format("{0} is a plain file, no network namespace: it was left behind or is being made or deleted; "
                                              "'ip netns delete {1}' removes it",
                                              ref.file(), ref.value)};
  }
  return {Error::Kind::invalid, fmt::format("{} is not a network namespace", ref.file())};
}

Result<OpenNamespace> open_file(const NamespaceRef& ref) {
  const RaisedCapabilities raised(rights_to_look);
  const auto file = ref.file();
  if (file.empty()) return fail(Error::Kind::invalid, fmt::format("{} has no file: its first process must be found", ref.to_string()));
  // O_NONBLOCK: a user may name a FIFO by mistake, and opening one waits for its writer.
  Fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd) return fail(open_error(ref, errno));
  struct stat status {};
  struct statfs filesystem {};
  if (::fstat(fd.get(), &status) != 0 || ::fstatfs(fd.get(), &filesystem) != 0) return fail(system_error(errno, file));
  const bool network = filesystem.f_type == NSFS_MAGIC && ::ioctl(fd.get(), NS_GET_NSTYPE) == CLONE_NEWNET;
  if (!network) return fail(not_a_namespace(ref, status.st_mode));
  return OpenNamespace{std::move(fd), NamespaceIdentity{status.st_dev, status.st_ino}};
}

/// The namespace of the process: /proc/self is the main thread's, whatever thread asks.
std::optional<NamespaceIdentity> own_identity() {
  struct stat status {};
  if (::stat("/proc/self/ns/net", &status) != 0) return std::nullopt;
  return NamespaceIdentity{status.st_dev, status.st_ino};
}

}  // namespace

std::string NamespaceIdentity::to_string() const { return fmt::format("net:[{}]", inode); }

Result<NetNamespace> NetNamespace::open(const NamespaceRef& ref) {
  auto opened = open_file(ref);
  if (!opened) return fail(opened.error());
  const bool own = own_identity() == opened->identity;
  return NetNamespace{std::make_shared<const Fd>(std::move(opened->fd)), opened->identity, own};
}

Result<NamespaceIdentity> NetNamespace::identity_of(const NamespaceRef& ref) {
  const auto opened = open_file(ref);
  if (!opened) return fail(opened.error());
  return opened->identity;
}

bool NetNamespace::is_named_by(const NamespaceRef& ref) const {
  const RaisedCapabilities raised(rights_to_look);
  struct stat status {};
  // One stat(2) instead of opening the file: 1,000 targets are asked each second.
  return ::stat(ref.file().c_str(), &status) == 0 && identity_ == NamespaceIdentity{status.st_dev, status.st_ino};
}

Result<void> NetNamespace::run_inside(const std::function<void()>& work) const {
  return own_ ? run_guarded(work) : enter_and_run(fd_->get(), work);
}

Result<Fd> NetNamespace::open_socket(int domain, int type, int protocol) const {
  Fd fd;
  if (auto made = make_inside({domain, type, protocol}, {&fd, 1}); !made) return fail(made.error());
  return fd;
}

Result<SocketOpener> NetNamespace::opener_with_ready(std::size_t count, int domain, int type, int protocol) const {
  const SocketSort sort{domain, type, protocol};
  const auto ready = std::make_shared<std::vector<Fd>>(count);
  if (auto made = make_inside(sort, *ready); !made) return fail(made.error());
  return SocketOpener([self = *this, ready, sort](int d, int t, int p) -> Result<Fd> {
    if (ready->empty() || SocketSort{d, t, p} != sort) return self.open_socket(d, t, p);
    auto fd = std::move(ready->back());
    ready->pop_back();
    return fd;
  });
}

Result<void> NetNamespace::make_inside(const SocketSort& sort, std::span<Fd> into) const {
  return own_ ? make_sockets(sort, into) : make_sockets_in(fd_->get(), sort, into);
}

SocketOpener NetNamespace::opener() const {
  return [self = *this](int domain, int type, int protocol) { return self.open_socket(domain, type, protocol); };
}

}  // namespace vpn_sentinel
