/// Splits the address space at every prefix that routes and rules name, so that one look-up stands for each part that the kernel can
/// treat differently. Pure.
#pragma once

#include <span>
#include <vector>

#include "netns/base/ip.hpp"

namespace vpn_sentinel {

/// The part of the address space that lies in one prefix and in none of the more specific ones: all its addresses find the same routes.
struct AddressRegion {
  IpPrefix within;
  IpAddress representative;
  bool by_request = false;  ///< the representative is one of those that were asked for
  /// Its packets take a harmless route or the way of the next outer region that is not implied: whoever asks about that one need not ask
  /// here.
  bool implied = false;
  friend bool operator==(const AddressRegion&, const AddressRegion&) = default;
};

/// A prefix at which the address space is split. `harmless`: every route to exactly this prefix leads into the tunnel or nowhere, so that
/// a packet goes there or, by a table that lacks it, the way of the outer prefix.
struct SplitPrefix {
  IpPrefix prefix;
  bool harmless = false;
};

/// Every region of one family that is not inside `local`, each with one representative; and one more for each of `wanted` that is not in
/// `local`, which then stands for its region. What lies in a prefix of `open` is asked for although an outer one is in `local`. Entries of
/// the other family are left out. O(n log n).
[[nodiscard]] std::vector<AddressRegion> address_regions(Family family, std::span<const SplitPrefix> prefixes,
                                                         std::span<const IpPrefix> local, std::span<const IpPrefix> open,
                                                         std::span<const IpAddress> wanted);

}  // namespace vpn_sentinel
