/// WireGuard interfaces that a program runs (wireguard-go, boringtun), by the text protocol of their control socket:
/// https://www.wireguard.com/xplatform/#cross-platform-userspace-implementation
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"
#include "netns/sockets/wireguard.hpp"

namespace vpn_sentinel {

/// The answer to "get=1": lines KEY=VALUE up to "errno=0" and an empty line. Pure. Private and preshared keys are not read. A peer begins
/// with its public_key. Unknown keys are skipped. invalid: no such answer, or a value that cannot be; overrun: more than the limits.
[[nodiscard]] Result<WireGuardDevice> parse_uapi(std::string_view text, const std::string& name);

/// The control socket of interface `name` as a file below /var/run/wireguard (or /run/wireguard) of process `pid`'s mount namespace: an
/// O_PATH descriptor. No symbolic link in there leads out of that process's root (openat2(2), RESOLVE_IN_ROOT). not_found: no such file:
/// the program is no WireGuard, or keeps its control to itself; not_permitted: CAP_SYS_PTRACE is missing; unavailable: Linux before 5.6;
/// timed_out: what is mounted there does not answer within `patience` (see patient_look).
[[nodiscard]] Result<Fd> find_uapi_socket(pid_t pid, const std::string& name,
                                          std::chrono::milliseconds patience = std::chrono::milliseconds{500});

/// Asks the program behind `socket` (of find_uapi_socket). Blocks until it has answered, at most `patience`, whatever the program does: not
/// for the loop thread; usually 0.3 ms. unreachable: nobody listens, the file was left behind by a program that was killed (ECONNREFUSED);
/// timed_out: the program hangs; not_permitted: the socket is root's. The buffer, which held the private key, is wiped.
[[nodiscard]] Result<WireGuardDevice> ask_uapi(const Fd& socket, const std::string& name,
                                               std::chrono::milliseconds patience = std::chrono::milliseconds{500});

}  // namespace vpn_sentinel
