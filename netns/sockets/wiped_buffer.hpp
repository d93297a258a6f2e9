/// Memory for answers that hold secrets: WireGuard's private and preshared keys come with everything else that is asked for.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

namespace vpn_sentinel {

/// `size` bytes that never move (a copy left behind by a growing vector would keep the keys) and are overwritten at the end.
class WipedBuffer {
 public:
  explicit WipedBuffer(std::size_t size) : bytes_(new std::byte[size]), size_(size) {}
  WipedBuffer(const WipedBuffer&) = delete;
  WipedBuffer& operator=(const WipedBuffer&) = delete;
  ~WipedBuffer() { wipe(); }

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {bytes_.get(), size_}; }
  /// explicit_bzero(3), which no compiler leaves out. Untouched pages of a large buffer stay untouched: only the part up to `used` counts.
  void wipe() noexcept { ::explicit_bzero(bytes_.get(), used_); }
  /// How far the buffer was ever written.
  void note_used(std::size_t used) noexcept { used_ = used > used_ ? used : used_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
  std::size_t used_ = 0;
};

}  // namespace vpn_sentinel
