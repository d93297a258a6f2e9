/// Gives memory back between bursts of work.
#pragma once

namespace vpn_sentinel {

/// Returns free heap pages to the kernel (malloc_trim(3)). The first call also takes the pages of libcurl, the TLS libraries and what they
/// pull in out of the process: 33 libraries, most of whose code runs once (loading, OpenSSL's start, the first handshake) and would count
/// as resident for ever. They stay in the page cache and come back by a minor fault when they are used again; what later requests use
/// stays then. The program's own code and what it needs when a tunnel breaks is never touched: a break must not wait for page faults.
/// For after a round of checks, not for each request. Thread-safe. Breakpoints that a debugger or a uprobe has set in those libraries are
/// lost.
void release_idle_memory() noexcept;

}  // namespace vpn_sentinel
