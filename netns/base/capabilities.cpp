#include "netns/base/capabilities.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace vpn_sentinel {
namespace {

/// Two halves of 32 bits each: _LINUX_CAPABILITY_VERSION_3.
using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;
constexpr unsigned capability_bits = 64;

__user_cap_header_struct own_header() noexcept { return {_LINUX_CAPABILITY_VERSION_3, 0}; }

/// 0, or errno.
int read_sets(Sets& sets) noexcept {
  auto header = own_header();
  return ::syscall(SYS_capget, &header, sets.data()) == 0 ? 0 : errno;
}

int write_sets(const Sets& sets) noexcept {
  auto header = own_header();
  return ::syscall(SYS_capset, &header, sets.data()) == 0 ? 0 : errno;
}

CapabilitySet joined(const Sets& sets, std::uint32_t __user_cap_data_struct::*part) noexcept {
  return CapabilitySet{sets[1].*part} << 32 | sets[0].*part;
}

void set_effective(Sets& sets, CapabilitySet wanted) noexcept {
  sets[0].effective = static_cast<std::uint32_t>(wanted);
  sets[1].effective = static_cast<std::uint32_t>(wanted >> 32);
}

Result<CapabilitySet> own_set(std::uint32_t __user_cap_data_struct::*part) {
  Sets sets{};
  if (const int code = read_sets(sets); code != 0) return fail(system_error(code, "capget"));
  return joined(sets, part);
}

}  // namespace

Result<void> keep_capabilities(CapabilitySet keep, CapabilitySet resting) {
  // First, while CAP_SETPCAP is there. Without it the bounding set is somebody else's decision; EINVAL is the end of what this kernel has.
  for (unsigned number = 0; number < capability_bits; ++number) {
    if ((keep >> number & 1U) == 0 && ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) break;
  }
  Sets sets{};
  if (const int code = read_sets(sets); code != 0) return fail(system_error(code, "capget"));
  for (std::size_t half = 0; half < sets.size(); ++half) {
    auto& set = sets.at(half);
    set.permitted &= static_cast<std::uint32_t>(keep >> (32 * half));
    set.inheritable = 0;  // the kernel lowers the ambient set with it
  }
  set_effective(sets, joined(sets, &__user_cap_data_struct::effective) & keep & ~resting);
  if (const int code = write_sets(sets); code != 0) return fail(system_error(code, "capset"));
  return {};
}

void rest_capabilities(CapabilitySet resting) noexcept {
  Sets sets{};
  if (read_sets(sets) != 0) return;
  const auto effective = joined(sets, &__user_cap_data_struct::effective);
  if ((effective & resting) == 0) return;
  set_effective(sets, effective & ~resting);
  write_sets(sets);  // less is never refused
}

Result<CapabilitySet> effective_capabilities() { return own_set(&__user_cap_data_struct::effective); }
Result<CapabilitySet> permitted_capabilities() { return own_set(&__user_cap_data_struct::permitted); }

RaisedCapabilities::RaisedCapabilities(CapabilitySet wanted) noexcept {
  Sets sets{};
  if (read_sets(sets) != 0) return;
  const auto effective = joined(sets, &__user_cap_data_struct::effective);
  const auto more = wanted & joined(sets, &__user_cap_data_struct::permitted) & ~effective;
  if (more == 0) return;
  set_effective(sets, effective | more);
  if (write_sets(sets) == 0) raised_ = more;
}

RaisedCapabilities::~RaisedCapabilities() {
  const int before = errno;
  if (raised_ != 0) rest_capabilities(raised_);
  errno = before;
}

}  // namespace vpn_sentinel
