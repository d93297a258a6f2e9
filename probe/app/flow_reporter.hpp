/// Connections of all targets, to all hubs: one watch for each target, one sender for each hub that gets everything. Loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "probe/delivery/flow_sender.hpp"
#include "probe/watch/flow_watch.hpp"

namespace vpn_sentinel {

class FlowReporter {
 public:
  struct Options {
    std::string boot_id;
    std::chrono::milliseconds interval{};  ///< between batches; 0: connections are told to nobody
    std::function<DeliveryPaths(const std::string& client_id)> paths;
  };
  /// `http` and `dns` outlive it.
  FlowReporter(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, Options options);

  /// One hub that gets everything, or several of which the first that answers gets it. The Python original (schema 1) knows no connections.
  void add_hub(const HubAddress& hub);
  /// A target whose setting `connections` is off is left alone. `watch` outlives its forget().
  void add(const TargetWatch& watch);
  void forget(const std::string& client_id);
  /// After a change of the target.
  void follow(const std::string& client_id);
  void stop() { watches_.clear(); }

 private:
  struct Told {
    std::unique_ptr<FlowWatch> watch;
    std::uint64_t seq = 0;
  };
  void send(FlowBatch batch);

  boost::asio::io_context& io_;
  HttpClient& http_;
  DnsClient& dns_;
  Options options_;
  std::vector<std::unique_ptr<FlowSender>> senders_;
  std::map<std::string, Told> watches_;  ///< by client id
};

}  // namespace vpn_sentinel
