/// Does an ordinary packet come back much sooner than one that is bound to the tunnel? Then it probably took a shorter way: past the
/// tunnel. Pure: fed with round trips. Only extremes are compared (the slowest of the newest against the fastest of the reference), so
/// that jitter, however large, never looks like a drop.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

namespace vpn_sentinel {

struct LatencyDrop {
  std::chrono::microseconds path{0};       ///< slowest of the newest round trips that the routes decided
  std::chrono::microseconds reference{0};  ///< fastest that was to be expected
  bool beside_tunnel =
      false;  ///< the reference is what the tunnel takes now; else what the same way took before: a nearer server explains it
};

class LatencyBaseline {
 public:
  /// `percent`: of the reference that must be missing, 1-99; `least`: and at least so much time. `tunnel_kept`: so many round trips of the
  /// tunnel are compared with the newest of the path; as many as come in the same time.
  LatencyBaseline(int percent, std::chrono::microseconds least, std::size_t tunnel_kept)
      : percent_(percent), least_(least), tunnel_kept_(tunnel_kept) {}

  /// A round trip of a question that was bound to the tunnel.
  void tunnel_answered(std::chrono::microseconds round_trip);
  /// A round trip of a question that was bound to nothing.
  void path_answered(std::chrono::microseconds round_trip);
  /// Another tunnel or other routes: what came back before is told of another way. What the way took in the long run is kept.
  void network_changed();

  [[nodiscard]] std::optional<LatencyDrop> drop() const;

 private:
  using Samples = std::deque<std::chrono::microseconds>;

  static constexpr std::size_t tunnel_needed = 5;
  static constexpr std::size_t newest_needed = 3;
  static constexpr std::size_t history_kept = 64;
  static constexpr std::size_t history_needed = 24;

  static void keep(Samples& samples, std::chrono::microseconds sample, std::size_t most);
  [[nodiscard]] bool is_drop(std::chrono::microseconds path, std::chrono::microseconds reference) const;

  int percent_;
  std::chrono::microseconds least_;
  std::size_t tunnel_kept_;
  Samples tunnel_;
  Samples newest_;
  Samples history_;  ///< of the path, without the newest
};

}  // namespace vpn_sentinel
