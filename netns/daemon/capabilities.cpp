#include "netns/daemon/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace vpn_sentinel {
namespace {

/// Two halves of 32 bits each: _LINUX_CAPABILITY_VERSION_3.
using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;
constexpr unsigned bits = 64;

__user_cap_header_struct own_header() { return {_LINUX_CAPABILITY_VERSION_3, 0}; }

Result<Sets> read_sets() {
  Sets sets{};
  auto header = own_header();
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return fail(system_error(errno, "capget"));
  return sets;
}

}  // namespace

Result<void> keep_capabilities(std::initializer_list<unsigned> keep) {
  std::uint64_t mask = 0;
  for (const auto number : keep) mask |= std::uint64_t{1} << number;
  // First, while CAP_SETPCAP is there. Without it the bounding set is somebody else's decision; EINVAL is the end of what this kernel has.
  for (unsigned number = 0; number < bits; ++number) {
    if ((mask >> number & 1U) == 0 && ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) break;
  }
  auto sets = read_sets();
  if (!sets) return fail(sets.error());
  for (std::size_t half = 0; half < sets->size(); ++half) {
    const auto part = static_cast<std::uint32_t>(mask >> (32 * half));
    auto& set = sets->at(half);
    set.effective &= part;
    set.permitted &= part;
    set.inheritable &= part;  // the kernel lowers the ambient set with it
  }
  auto header = own_header();
  if (::syscall(SYS_capset, &header, sets->data()) != 0) return fail(system_error(errno, "capset"));
  return {};
}

Result<std::uint64_t> effective_capabilities() {
  const auto sets = read_sets();
  if (!sets) return fail(sets.error());
  return std::uint64_t{sets->at(1).effective} << 32 | sets->at(0).effective;
}

}  // namespace vpn_sentinel
