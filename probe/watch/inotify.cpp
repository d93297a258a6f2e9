#include "probe/watch/inotify.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace vpn_sentinel {
namespace {

constexpr int most_reads_per_turn = 16;

}  // namespace

void read_inotify(int fd, const TakeInotifyEvent& take) {
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  for (int turn = 0; turn < most_reads_per_turn; ++turn) {
    const auto size = ::read(fd, buffer.data(), buffer.size());
    if (size <= 0) return;
    const auto bytes = static_cast<std::size_t>(size);
    for (std::size_t at = 0; at + sizeof(inotify_event) <= bytes;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const auto* const name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      if (at > bytes) return;
      take(event.wd, event.mask, event.len == 0 ? std::string() : std::string(name, ::strnlen(name, event.len)));
    }
  }
}

}  // namespace vpn_sentinel
