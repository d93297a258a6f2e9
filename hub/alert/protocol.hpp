/// How one channel carries a message: a protocol makes one attempt at a time and says what its answer means. The sender around it
/// (channel_sender.hpp) owns order, back-off and patience.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "hub/store/store.hpp"

namespace vpn_sentinel {

/// What an attempt came to.
struct Delivery {
  enum class Kind {
    delivered,    ///< the channel's server took it
    bad_text,     ///< this text is refused for good (its markup, its length)
    refused,      ///< for a reason that may lie in this text or in the channel: what becomes of another message tells
    wrong_setup,  ///< address, key or recipient: every message is refused until somebody changes something
    try_again,    ///< busy, in trouble, or not reached
  };
  Kind kind = Kind::try_again;
  std::string reason = {};  ///< for people; never holds a secret. Also of a delivered one, when not everybody got it
  std::optional<std::chrono::milliseconds> pause = {};  ///< the server's wish
  friend bool operator==(const Delivery&, const Delivery&) = default;
};

class Protocol {
 public:
  using Handler = std::function<void(Delivery)>;
  Protocol() = default;
  virtual ~Protocol() = default;  ///< what is under way is given up, its handler is not called
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  /// One attempt; on the loop's thread, one at a time. `simple`: without markup, because the server refused the markup. The handler is
  /// called once, on the loop, never from inside send().
  virtual void send(const StoredAlert& alert, bool simple, Handler handler) = 0;
  /// Whether `simple` makes any difference.
  [[nodiscard]] virtual bool has_simple() const { return false; }
  /// An attempt that holds the loop's thread ends soon. From any thread.
  virtual void abort() noexcept {}
};

using MakeProtocol = std::function<std::unique_ptr<Protocol>(boost::asio::io_context&)>;

}  // namespace vpn_sentinel
