/// Fans messages out to live listeners. It keeps no queue: a sink hands the message on at once, and a listener that is too slow is
/// disconnected by its channel and starts again with a snapshot.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace vpn_sentinel {

class Broker {
 public:
  /// Called on the publisher's thread; must not block (it posts to the listener's own loop).
  using Sink = std::function<void(std::shared_ptr<const std::string> message)>;
  class Subscription {
   public:
    virtual ~Subscription() = default;  ///< unsubscribes; no call after it returns
  };

  virtual ~Broker() = default;
  /// The subscription must end before the broker does.
  [[nodiscard]] virtual std::unique_ptr<Subscription> subscribe(Sink sink) = 0;
  /// Every listener gets the messages of all publishers in the same order.
  virtual void publish(std::shared_ptr<const std::string> message) = 0;
  [[nodiscard]] virtual std::size_t subscribers() const = 0;

  [[nodiscard]] static std::unique_ptr<Broker> make();
};

}  // namespace vpn_sentinel
