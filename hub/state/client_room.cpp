#include "hub/state/client_room.hpp"

namespace vpn_sentinel {

void ClientRoom::add(const std::string& key) {
  ++all_;
  ++by_key_[key];
}

void ClientRoom::remove(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  --all_;
  if (--found->second == 0) by_key_.erase(found);
}

ClientRoom::Verdict ClientRoom::look(const std::string& key) const {
  if (limits_.all != 0 && all_ >= limits_.all) return Verdict::full;
  if (limits_.per_key == 0) return Verdict::free;
  const auto found = by_key_.find(key);
  return found != by_key_.end() && found->second >= limits_.per_key ? Verdict::key_is_full : Verdict::free;
}

}  // namespace vpn_sentinel
