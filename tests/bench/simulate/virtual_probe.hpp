/// A probe without a network: which report it sends next, and the bytes of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// Shares of all reports, 0 to 1.
struct Mix {
  double changes = 0;     ///< the state changes between secure and danger
  double findings = 0;    ///< a warning with a finding
  double duplicates = 0;  ///< sent again although it was acknowledged
  double late = 0;        ///< held back for one report, with a time a minute ago
};

enum class Kind : std::uint8_t { secure, warning, danger };

struct VirtualReport {
  std::uint64_t seq = 0;
  WallTime time{};
  Kind kind = Kind::secure;
};

/// As a probe does, it sends one report until the hub has taken it, and only then the next.
class VirtualProbe {
 public:
  /// `first`: the number of its first report, 1 unless it goes on where another one of the same boot ended.
  VirtualProbe(std::string client_id, std::string boot_id, std::uint64_t first)
      : client_id_(std::move(client_id)), boot_id_(std::move(boot_id)), newest_(first - 1) {}

  const VirtualReport& next(const Mix& mix, std::minstd_rand& random, WallTime now);
  /// False: this one had been acknowledged before.
  bool acknowledged();
  /// The hub will never take it.
  void drop() { waiting_ = false; }

  [[nodiscard]] const std::string& client_id() const noexcept { return client_id_; }
  [[nodiscard]] const std::string& boot_id() const noexcept { return boot_id_; }
  [[nodiscard]] const VirtualReport& current() const noexcept { return current_; }

 private:
  VirtualReport make(const Mix& mix, std::minstd_rand& random, WallTime now);

  std::string client_id_;
  std::string boot_id_;
  VirtualReport current_;
  std::optional<VirtualReport> held_back_;
  std::uint64_t newest_;  ///< number
  bool in_danger_ = false;
  bool waiting_ = false;
  bool again_ = false;
};

/// Requests as the probe's encoder writes their bodies, from templates: encoding each would cost the client more CPU than the hub.
class RequestWriter {
 public:
  /// `target` is the path that is posted to; `key` may be empty.
  RequestWriter(std::string_view host, std::string_view target, std::string_view key);

  /// Appends one whole request to `out`.
  void write(const VirtualProbe& probe, const VirtualReport& report, WallTime now, std::string& out);

 private:
  struct Piece {
    std::string text;  ///< verbatim, then the field
    char field;        ///< 'c' client_id, 'b' boot_id, 's' seq, 't' time, 'n' now, 0: none
  };
  static std::vector<Piece> cut(std::string_view text);

  std::string head_;
  std::array<std::vector<Piece>, 3> bodies_;
  std::string body_;
};

}  // namespace vpn_sentinel
