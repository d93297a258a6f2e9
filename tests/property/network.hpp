/// Two namespaces of the test's own with a veth pair between them, and a tunnel whose other end the test holds. The calling thread stands
/// in the protected one afterwards; making another Network leaves the old namespaces to end with their descriptors.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/property/ip_shell.hpp"
#include "tests/property/operation.hpp"
#include "tests/property/packets.hpp"

namespace vpn_sentinel::property {

class Network {
 public:
  static constexpr int no_root = 77;

  /// Throws FatalError with no_root where it is not possible.
  Network();

  /// Returns when the kernel has carried it out, or refused it.
  void apply(const Operation& operation);

  /// Really sends everything that may not leave by the uplink: the first that did, in words. `doubtful`: with the marks that may be the
  /// VPN's own instead.
  [[nodiscard]] std::optional<std::string> find_leak(const Model& model, bool doubtful);

  /// What the network is before the first operation, for a model of it.
  [[nodiscard]] static Model initial_model();
  /// The commands that make it, for people who want to repeat a failure.
  [[nodiscard]] static std::string preparation();

 private:
  void open_tunnel();
  void drain_tunnel() const;
  [[nodiscard]] std::optional<std::string> find_leak(const Flow& flow, std::span<const Destination> destinations);

  std::optional<Sniffer> far_side_;
  std::optional<Marker> marker_;
  std::unique_ptr<IpShell> v4_;
  std::unique_ptr<IpShell> v6_;
  Fd tunnel_;
  std::uint64_t markers_ = 0;
};

}  // namespace vpn_sentinel::property
