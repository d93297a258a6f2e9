/// Sends packets in the calling thread's namespace, and sees on the far side of the uplink which of them left by it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "netns/base/fd.hpp"
#include "tests/property/flows.hpp"

namespace vpn_sentinel::property {

/// Whether a packet was handed to the kernel tells nothing: refused is fine, and so is silence. Only what arrives counts.
void send_packets(const Flow& flow, std::span<const Destination> destinations);

/// A packet that came out of the uplink.
struct Escaped {
  IpAddress destination;
  std::uint8_t protocol = 0;
};

/// An AF_PACKET socket on a link. Made in the namespace of the link.
class Sniffer {
 public:
  explicit Sniffer(const char* link);
  /// A packet to the Internet among those that have arrived so far; link-local and multicast noise of the kernel is none. Never blocks.
  [[nodiscard]] std::optional<Escaped> next();
  /// As next(), and waits until the mark that `Marker` sent after everything else has arrived.
  [[nodiscard]] std::optional<Escaped> next_until_marker(std::uint64_t number);

 private:
  enum class Kind { nothing, escaped, marker, other };
  Kind read_one(Escaped& escaped, std::uint64_t& number);

  Fd fd_;
};

/// Sends a frame that cannot be overtaken: with the thread on one CPU, a veth pair delivers in the order of sending.
class Marker {
 public:
  explicit Marker(const char* link);
  /// False when the link is down, so that nothing leaves by it anyway.
  [[nodiscard]] bool send(std::uint64_t number) const;

 private:
  Fd fd_;
  int link_index_ = 0;
};

}  // namespace vpn_sentinel::property
