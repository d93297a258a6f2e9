/// Random identifiers from the kernel (getrandom(2)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vpn_sentinel {

/// Fills `bytes`; never fails on Linux >= 3.17 for up to 256 bytes once the pool is ready.
void fill_random(std::span<std::byte> bytes);
[[nodiscard]] std::uint64_t random_u64();
/// `bytes` random bytes as lower-case hexadecimal text.
[[nodiscard]] std::string random_hex(std::size_t bytes);
/// In [0, 1).
[[nodiscard]] double random_unit();

}  // namespace vpn_sentinel
