#include "hub/http/address_counts.hpp"

#include "netns/base/random.hpp"

namespace vpn_sentinel {

AddressCounts::Key AddressCounts::key_of(const IpAddress& address) noexcept {
  Key key = 0;
  for (const auto byte : address.bytes().first(address.is_v4() ? 4 : 8)) key = key << 8U | byte;
  // ff00::/8 is multicast: no peer has an address of it.
  return address.is_v4() ? key | Key{0xffff} << 48U : key;
}

AddressCounts::AddressCounts() : counts_(0, Hash{random_u64()}) {}

std::size_t AddressCounts::Hash::operator()(Key key) const noexcept {
  key ^= seed;
  for (int i = 0; i < 2; ++i) {
    key ^= key >> 33U;
    key *= 0xff51afd7ed558ccdU;  // the finaliser of MurmurHash3
  }
  return static_cast<std::size_t>(key ^ key >> 33U);
}

bool AddressCounts::add(Key key, std::size_t most) {
  const std::lock_guard lock(mutex_);
  auto& count = counts_[key];
  if (count >= most) return false;
  ++count;
  return true;
}

void AddressCounts::remove(Key key) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(key);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace vpn_sentinel
