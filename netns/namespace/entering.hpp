/// Entering a network namespace: setns(2) is called here and nowhere else, always on a thread that does nothing else meanwhile, so that no
/// other thread is ever in the wrong namespace.
#pragma once

#include <functional>
#include <span>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// Calls `work`; what it throws becomes an Error.
[[nodiscard]] Result<void> run_guarded(const std::function<void()>& work);

/// Runs `work` in the namespace behind the descriptor `space` on a thread made for it, and waits. not_permitted: CAP_SYS_ADMIN is missing.
[[nodiscard]] Result<void> enter_and_run(int space, const std::function<void()>& work);

/// As of socket(2); SOCK_CLOEXEC and SOCK_NONBLOCK are added.
struct SocketSort {
  int domain = 0;
  int type = 0;
  int protocol = 0;
  friend bool operator==(const SocketSort&, const SocketSort&) = default;
};

/// Fills `into`; after an Error it may hold some. For the namespace of the calling thread.
[[nodiscard]] Result<void> make_sockets(const SocketSort& sort, std::span<Fd> into);
/// The same in the namespace behind `space`, and waits. To make a thread and to end it costs several times as much as the rest, so each
/// calling thread has one that is kept for the next time; between two calls it is in the namespace where it began, because a thread that
/// stays in one would keep it alive. Where the way back is refused, a thread is made for each call.
[[nodiscard]] Result<void> make_sockets_in(int space, const SocketSort& sort, std::span<Fd> into);

}  // namespace vpn_sentinel
