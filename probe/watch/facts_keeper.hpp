/// What is known about the tunnel of one target beside its interface: servers, WireGuard's mark and handshake. Read on a helper thread,
/// because looking through /proc and asking a VPN's program may take a while; used on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "netns/base/boot_clock.hpp"
#include "netns/base/clock.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "netns/sockets/tunnel_facts.hpp"
#include "probe/watch/handshake_witness.hpp"

namespace vpn_sentinel {

class FactsKeeper {
 public:
  /// `on_news` is called on the loop when facts were read; never from inside one of the functions below.
  FactsKeeper(boost::asio::io_context& io, std::function<void()> on_news);
  FactsKeeper(const FactsKeeper&) = delete;
  FactsKeeper& operator=(const FactsKeeper&) = delete;
  ~FactsKeeper();

  /// A tunnel that is there now. What was known about another one is forgotten when the first answer comes.
  void start(const NetNamespace& space, std::string name, std::string kind);
  void stop();
  /// Once a second or so: reads again when it is time, sooner while `in_doubt` (nothing answers through the tunnel).
  void refresh(bool in_doubt, BootTime now);

  [[nodiscard]] const std::optional<TunnelFacts>& facts() const noexcept { return facts_; }
  /// What the present tunnel's program tells of handshakes.
  [[nodiscard]] const HandshakeWitness& handshakes() const noexcept { return handshakes_; }
  /// Something happened that other servers would explain: asks again now.
  void ask_again();
  /// The first answer about the present tunnel, or that to ask_again(), is awaited.
  [[nodiscard]] bool pending() const noexcept { return tunnel_ != nullptr && !answered_; }

 private:
  struct Tunnel {
    NetNamespace space;
    std::string name;
    std::string kind;
  };

  void read(MonoTime not_before);
  void take(TunnelFacts facts);

  boost::asio::io_context& io_;
  std::function<void()> on_news_;
  std::shared_ptr<const Tunnel> tunnel_;  ///< also tells answers about an earlier tunnel apart
  bool reading_ = false;
  bool answered_ = false;
  bool ask_again_ = false;  ///< when the answer under way has come
  std::optional<TunnelFacts> facts_;
  HandshakeWitness handshakes_;
  BootTime read_at_{};
};

}  // namespace vpn_sentinel
