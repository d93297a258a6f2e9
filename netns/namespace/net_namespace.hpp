/// An open network namespace. A socket stays in the namespace in which it was made. No thread that is seen here is ever inside: see
/// entering.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/entering.hpp"
#include "netns/namespace/namespace_ref.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// Device and inode of the namespace's nsfs file: equal if and only if it is the same namespace (namespaces(7)).
struct NamespaceIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  [[nodiscard]] std::string to_string() const;  ///< "net:[4026531840]"
  friend bool operator==(const NamespaceIdentity&, const NamespaceIdentity&) = default;
};

class NetNamespace {
 public:
  /// not_found: no such name, pid or file; not_permitted: open refused (CAP_SYS_PTRACE for pid:); invalid: the file is no network
  /// namespace.
  [[nodiscard]] static Result<NetNamespace> open(const NamespaceRef& ref);

  [[nodiscard]] const NamespaceIdentity& identity() const noexcept { return identity_; }
  /// True when this is the namespace of the calling process: nothing has to be entered, no capability is needed.
  [[nodiscard]] bool is_own() const noexcept { return own_; }
  /// What `ref` names now; differs from identity() after the namespace was deleted and made again.
  [[nodiscard]] static Result<NamespaceIdentity> identity_of(const NamespaceRef& ref);

  /// True while `ref` names this very namespace: cheaper than identity_of, and the same answer.
  [[nodiscard]] bool is_named_by(const NamespaceRef& ref) const;

  /// Runs `work` inside and waits for it: directly when is_own(), else on a fresh thread after setns (CAP_SYS_ADMIN).
  [[nodiscard]] Result<void> run_inside(const std::function<void()>& work) const;
  /// socket(2) inside, close-on-exec and non-blocking.
  [[nodiscard]] Result<Fd> open_socket(int domain, int type, int protocol) const;
  /// A SocketOpener that keeps this namespace open as long as it lives.
  [[nodiscard]] SocketOpener opener() const;
  /// The same, with `count` sockets of one sort made already, all in one entry. They belong to the opener and its copies, which are
  /// used on one thread.
  [[nodiscard]] Result<SocketOpener> opener_with_ready(std::size_t count, int domain, int type, int protocol) const;

 private:
  NetNamespace(std::shared_ptr<const Fd> fd, NamespaceIdentity identity, bool own) : fd_(std::move(fd)), identity_(identity), own_(own) {}
  [[nodiscard]] Result<void> make_inside(const SocketSort& sort, std::span<Fd> into) const;

  std::shared_ptr<const Fd> fd_;
  NamespaceIdentity identity_;
  bool own_ = false;
};

}  // namespace vpn_sentinel
