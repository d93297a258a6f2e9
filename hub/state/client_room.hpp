/// How many clients there may be, in all and of each key: names that somebody invents must not fill the hub. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

namespace vpn_sentinel {

struct ClientLimits {
  std::size_t all = 0;      ///< 0: no limit
  std::size_t per_key = 0;  ///< clients that were told first with one key; the shared key is one, too; 0: no limit
};

class ClientRoom {
 public:
  enum class Verdict { free, full, key_is_full };

  explicit ClientRoom(ClientLimits limits) : limits_(limits) {}

  void add(const std::string& key);
  void remove(const std::string& key);
  /// Whether one more may come with this key.
  [[nodiscard]] Verdict look(const std::string& key) const;

 private:
  ClientLimits limits_;
  std::size_t all_ = 0;
  std::unordered_map<std::string, std::size_t> by_key_;
};

}  // namespace vpn_sentinel
