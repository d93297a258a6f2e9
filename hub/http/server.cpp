#include "hub/http/server.hpp"

#include <algorithm>
#include <utility>

#include "hub/http/listener.hpp"
#include "hub/http/loop.hpp"

namespace vpn_sentinel {
namespace {

/// Replies under way and WebSocket closing handshakes get this long when the server stops.
constexpr std::chrono::milliseconds stop_grace{3000};

class LoopServer final : public Server {
 public:
  LoopServer(unsigned threads, std::chrono::milliseconds sweep_period) {
    for (unsigned i = 0; i < std::max(threads, 1U); ++i) loops_.push_back(std::make_shared<Loop>(i, sweep_period));
  }
  LoopServer(const LoopServer&) = delete;
  LoopServer& operator=(const LoopServer&) = delete;
  ~LoopServer() override { stop_loops(); }

  Result<std::vector<Endpoint>> listen(ListenOptions options, Routes routes) override {
    std::vector<BoundSockets> bound;
    for (const auto& endpoint : options.endpoints) {
      auto sockets = bind_sockets(endpoint, static_cast<unsigned>(loops_.size()));
      if (!sockets) return fail(sockets.error());
      bound.push_back(std::move(*sockets));
    }
    const auto listener = std::make_shared<Listener>(std::move(options), std::move(routes), loops_);
    std::vector<Endpoint> endpoints;
    for (auto& each : bound) {
      endpoints.push_back(each.endpoint);
      for (std::size_t i = 0; i < loops_.size(); ++i) add_acceptor(*loops_[i], std::move(each.sockets[i]), listener);
    }
    return endpoints;
  }

  void run() override {
    for (const auto& loop : loops_) loop->start();
  }

  void review_live() override {
    for (const auto& loop : loops_) loop->request_review();
  }

  void stop() override { stop_loops(); }

 private:
  void stop_loops() {
    if (std::exchange(stopped_, true)) return;
    for (const auto& loop : loops_) loop->request_stop(stop_grace);
    for (const auto& loop : loops_) loop->join();
  }

  std::vector<std::shared_ptr<Loop>> loops_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Server> Server::make(unsigned threads, std::chrono::milliseconds sweep_period) {
  return std::make_unique<LoopServer>(threads, sweep_period);
}

}  // namespace vpn_sentinel
