/// The keys that the API takes: the shared one and those of single clients. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel {

/// SHA-256. A generated key has 256 random bits, so that a slow or salted hash would add nothing: whoever has the hash cannot search for
/// the key. Such a hash can be made by hand (sha256sum) and is only ever stored of generated keys, never of the shared one.
using KeyHash = std::array<std::uint64_t, 4>;
[[nodiscard]] KeyHash hash_key(std::string_view key) noexcept;

/// What the holder of one key may do.
struct KeyGrant {
  std::string name;                  ///< 1-64 of [A-Za-z0-9._-]; empty: the shared key
  std::vector<std::string> clients;  ///< ids, or beginnings of ids followed by '*', that it may report for; at most 64
  bool may_read = false;             ///< states and history of all clients
  /// In whose votes it may take part. Nullopt, as of keys that were not enrolled: groups that `clients` would let pass as ids.
  std::optional<std::vector<std::string>> groups = {};
  friend bool operator==(const KeyGrant&, const KeyGrant&) = default;

  [[nodiscard]] bool is_shared() const noexcept { return name.empty(); }
  [[nodiscard]] bool may_report(std::string_view client_id) const noexcept;
  [[nodiscard]] bool may_report_in(std::string_view group) const noexcept;
};

/// One line of the key file.
struct ClientKey {
  KeyGrant grant;
  KeyHash hash{};
  WallTime created{};
  friend bool operator==(const ClientKey&, const ClientKey&) = default;
};

inline constexpr std::size_t most_client_keys = 4096;
inline constexpr std::size_t longest_key_name = 64;
/// Of one key.
inline constexpr std::size_t most_key_patterns = 64;

/// "vs_" and 256 random bits as base64url.
[[nodiscard]] std::string generate_key();
[[nodiscard]] bool is_valid_key_name(std::string_view name) noexcept;
/// A client id, the beginning of one followed by '*', or '*'.
[[nodiscard]] bool is_valid_client_pattern(std::string_view pattern) noexcept;

/// The key file: one JSON object per line. The Error names line, field and what was expected.
[[nodiscard]] Result<std::vector<ClientKey>> parse_keys(std::string_view text);
[[nodiscard]] std::string format_keys(const std::vector<ClientKey>& keys);

class Keyring {
 public:
  Keyring() = default;
  /// An empty shared key is none; it may do everything.
  Keyring(std::string_view shared_key, const std::vector<ClientKey>& client_keys);

  [[nodiscard]] bool empty() const noexcept { return grants_.empty(); }
  /// Null for a wrong key. All hashes are compared, each in full, whatever was given: the time tells nothing but their number.
  [[nodiscard]] std::shared_ptr<const KeyGrant> find(std::string_view given) const noexcept { return find(hash_key(given)); }
  [[nodiscard]] std::shared_ptr<const KeyGrant> find(const KeyHash& hash) const noexcept;
  [[nodiscard]] bool has_same_shared_key(const Keyring& other) const noexcept { return shared_hash() == other.shared_hash(); }

 private:
  [[nodiscard]] std::optional<KeyHash> shared_hash() const noexcept;

  std::vector<KeyHash> hashes_;
  std::vector<std::shared_ptr<const KeyGrant>> grants_;  ///< one per hash
};

}  // namespace vpn_sentinel
