/// Takes flow batches to the hub, beside the reports and never before them: on connections of its own, packed on a thread of its own, few
/// at a time, nothing on disk. A hub that does not answer costs the oldest batches, which are counted and told.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/http_client.hpp"
#include "probe/delivery/sender.hpp"
#include "probe/report/flow_batch.hpp"

namespace vpn_sentinel {

class FlowSender {
 public:
  struct Hooks {
    std::function<DeliveryPaths(const std::string& client_id)> paths;  ///< asked before each try
    std::function<void(const Error& why)> on_trouble;                  ///< batches do not pass any more; once
    std::function<void()> on_well;                                     ///< they pass again
  };

  /// Requests under way at the same time.
  static constexpr std::size_t most_under_way = 4;

  virtual ~FlowSender() = default;
  /// `http` and `dns` outlive it. By the uplink where there is one, else from inside the namespace. Of several hubs the next one is asked
  /// when one does not answer.
  [[nodiscard]] static std::unique_ptr<FlowSender> make(boost::asio::io_context& io, HttpClient& http, DnsClient& dns,
                                                        const HubAddress& hub, Hooks hooks);
  virtual void submit(FlowBatch batch) = 0;
  /// Nobody watches this client any more.
  virtual void forget(const std::string& client_id) = 0;
  /// Batches that were given up, ever.
  [[nodiscard]] virtual std::uint64_t dropped() const = 0;
};

/// The batch as it is sent. When it would be too long its last rows go, and are told as lost.
[[nodiscard]] std::string packed_batch(FlowBatch batch);

}  // namespace vpn_sentinel
