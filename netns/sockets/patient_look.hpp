/// Looks at files in the mount namespace of another program. What is mounted there that program chose: a FUSE server that does not answer,
/// or an NFS server that is away, would keep the thread that looks for ever, and no system call can be given a deadline for that.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// So many looks may hang at the same time; each keeps one thread.
inline constexpr std::size_t most_hanging_looks = 32;

/// Runs `look` on a thread made for it and waits at most `patience`. `look` must own all that it uses: after timed_out it goes on by
/// itself, with the rights that the caller had raised, and what it brings late is closed. As long as it hangs, no other look of the same
/// `whose` ("process 4242") is begun: timed_out at once; overrun: too many others hang.
[[nodiscard]] Result<Fd> patient_look(const std::string& whose, std::chrono::milliseconds patience, std::function<Result<Fd>()> look);

}  // namespace vpn_sentinel
