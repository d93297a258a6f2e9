/// The product's own judgement of the namespace that the calling thread stands in: the monitor, the look and the judge as
/// probe/watch/target_watch.cpp puts them together, without timers and checks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "netns/monitor/monitor.hpp"
#include "netns/netlink/route_lookup.hpp"
#include "probe/verdict/judge.hpp"
#include "probe/watch/observe.hpp"
#include "probe/watch/policy.hpp"

namespace vpn_sentinel::property {

class Judgement {
 public:
  /// Throws FatalError when the namespace cannot be watched.
  Judgement();

  /// Takes every message that has been sent, and judges. The kernel sends its messages before it answers the request that caused them.
  [[nodiscard]] Verdict now();
  /// As now(), after the time in which a watch looks again by itself.
  [[nodiscard]] Verdict settled();

 private:
  [[nodiscard]] Verdict look();

  boost::asio::io_context io_{1};
  TargetPolicy policy_;
  Learnt learnt_;
  std::optional<RouteLookup> look_up_;
  std::unique_ptr<Monitor> monitor_;
};

}  // namespace vpn_sentinel::property
