#include "hub/http/address_counts.hpp"

#include "netns/base/random.hpp"

namespace vpn_sentinel {

AddressKey AddressCounts::key_of(const IpAddress& address) noexcept {
  AddressKey key = 0;
  for (const auto byte : address.bytes().first(address.is_v4() ? 4 : 8)) key = key << 8U | byte;
  // ff00::/8 is multicast: no peer has an address of it.
  return address.is_v4() ? key | AddressKey{0xffff} << 48U : key;
}

AddressCounts::AddressCounts(std::size_t loops) : loops_(loops), places_(0, Hash{random_u64()}) {}

std::size_t AddressCounts::Hash::operator()(AddressKey key) const noexcept {
  key ^= seed;
  for (int i = 0; i < 2; ++i) {
    key ^= key >> 33U;
    key *= 0xff51afd7ed558ccdU;  // the finaliser of MurmurHash3
  }
  return static_cast<std::size_t>(key ^ key >> 33U);
}

std::shared_ptr<AddressPlace> AddressCounts::add(AddressKey key, std::size_t most) {
  const std::lock_guard lock(mutex_);
  auto& place = places_[key];
  if (!place) place = std::make_shared<AddressPlace>(key, loops_);
  if (place->open_ >= most) return nullptr;
  ++place->open_;
  return place;
}

std::shared_ptr<AddressPlace> AddressCounts::find(AddressKey key) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(key);
  return found == places_.end() ? nullptr : found->second;
}

void AddressCounts::remove(AddressPlace& place) {
  const std::lock_guard lock(mutex_);
  if (--place.open_ == 0) places_.erase(place.key_);
}

}  // namespace vpn_sentinel
