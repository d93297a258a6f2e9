/// Takes reports to the hub over the path that fits: changes at once over the uplink where there is one, keepalives from inside the
/// namespace (proof that the tunnel carries), each falling back to the other path, also when something else than the hub answers there. Per
/// client one change is under way, in order, and beside it one keepalive: a change never waits for a keepalive that is stuck in a dead
/// tunnel, but a keepalive begins only after the changes before it are through. More than a few changes of one client go in batches. Of
/// several hubs the first that answers gets everything.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns/base/ip.hpp"
#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "probe/delivery/outbox.hpp"

namespace vpn_sentinel {

struct HubAddress {
  std::vector<std::string> urls;  ///< "http://hub:5000", without the API path; a trailing '/' is cut; one at least, the best first
  std::string api_path;           ///< "/api/v1"
  std::string api_key;            ///< empty: the header is left out
  std::string ca_file;
  bool verify = true;
  int schema = 2;                     ///< 1: what the Python original's server takes (original_payload.hpp)
  std::string certificate_file = {};  ///< shown to a hub that asks for one, with its key; empty: none
  std::string key_file = {};
  std::chrono::milliseconds timeout{10'000};        ///< uplink path
  std::chrono::milliseconds tunnel_timeout{3'000};  ///< in-tunnel path, before the uplink is tried
  std::chrono::milliseconds uplink_connect{2'000};  ///< for the connection by the uplink while the tunnel is still to be tried
  /// After so long with another hub a keepalive tries the better ones again: within the 60 s in which a hub that has restarted tells nobody
  /// offline.
  std::chrono::milliseconds look_back{20'000};
};

/// The two ways out for one client.
struct DeliveryPaths {
  std::optional<SocketOpener> tunnel;  ///< sockets inside the namespace; absent: not now (tunnel is down)
  std::optional<SocketOpener> uplink;  ///< sockets in the probe's own namespace; absent in sidecar mode
  std::vector<Endpoint> resolvers;     ///< for the hub's name, asked inside the namespace; a literal host needs none
  std::string tunnel_device = {};      ///< what in-tunnel sockets are bound to: else they would prove the routes, not the tunnel
};

class Sender {
 public:
  struct Hooks {
    std::function<DeliveryPaths(const std::string& client_id)> paths;  ///< asked before each try
    std::function<void(const std::string& client_id, const Report&, const std::string& path)> on_delivered;
    /// Each failed try, after every path and every hub there is: a sentence with the reason (status, refused, time-out, TLS) and the
    /// setting to check, and when it is tried again.
    std::function<void(const std::string& client_id, const Error&, std::chrono::milliseconds retry_in)> on_failed;
    /// 400, 413, 422: the hub refuses this report for good; it is gone from the outbox, and the next ones count it as dropped.
    std::function<void(const std::string& client_id, const Report&, const Error&)> on_refused;
  };
  virtual ~Sender() = default;

  static constexpr std::size_t few = 3;                          ///< so many changes go one by one
  static constexpr std::size_t most_batch = 256;                 ///< reports in one request
  static constexpr std::size_t most_batch_bytes = 900UL * 1024;  ///< of JSON, as it waits; the hub takes 1 MiB

  /// `http` and `outbox` outlive the sender.
  [[nodiscard]] static std::unique_ptr<Sender> make(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, Outbox& outbox,
                                                    const HubAddress& hub, Hooks hooks);
  /// Stores the report and sends it as soon as its turn comes.
  virtual void submit(OutboxItem item) = 0;
  /// Tries at once what waits for its next try (the network changed). Resets the back-off.
  virtual void kick() = 0;
  /// Resolves when the outbox is empty or `deadline` passed: for a clean stop.
  virtual void drain(std::chrono::milliseconds deadline, std::function<void()> done) = 0;
  /// Nobody watches this client any more: when nothing of it waits, nothing is kept of it. A later submit() begins anew.
  virtual void forget(const std::string& client_id) = 0;
  /// Of so many something is kept.
  [[nodiscard]] virtual std::size_t clients() const = 0;
  /// How many reports the hub has refused for good.
  [[nodiscard]] virtual std::uint64_t refused() const = 0;
};

}  // namespace vpn_sentinel
