#include "ebpf/iterator_rows.hpp"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "ebpf/tracer_error.hpp"
#include "netns/base/fd.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t buffer_bytes = 128 * 1024;

}  // namespace

Result<void> read_iterator(int link, std::size_t row, const std::function<bool(std::span<const std::byte>)>& take) {
  const Fd fd{::bpf_iter_create(link)};
  if (!fd) return fail(tracer_error(TracerStage::survey, errno, own_rights()));
  std::vector<std::byte> buffer(buffer_bytes);
  std::size_t filled = 0;
  for (;;) {
    const auto got = ::read(fd.get(), buffer.data() + filled, buffer.size() - filled);
    if (got == 0) return {};
    // EAGAIN: the kernel has looked at so many things in vain that it wants to be asked again.
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return fail(tracer_error(TracerStage::survey, errno, own_rights()));
    filled += static_cast<std::size_t>(got);
    std::size_t used = 0;
    for (; filled - used >= row; used += row) {
      if (!take(std::span{buffer}.subspan(used, row))) return {};
    }
    // A read may end in the middle of a row.
    std::memmove(buffer.data(), buffer.data() + used, filled - used);
    filled -= used;
  }
}

}  // namespace vpn_sentinel
