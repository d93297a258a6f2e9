/// The JSON of clients, kept until they change. Any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// A snapshot never changes, so that the same pointer is the same text. Fifty pages that are opened at once ask for the same ten thousand
/// records, and each costs more to write than everything else about its client.
class ClientTexts {
 public:
  using Snapshot = std::shared_ptr<const ClientState>;
  using Text = std::shared_ptr<const std::string>;

  /// to_json() of the client, compact.
  [[nodiscard]] Text of(const Snapshot& client);
  /// Clients come and go: forgets all texts when more than twice as many are kept as there are clients.
  void trim(std::size_t clients);

 private:
  struct Kept {
    Snapshot client;  ///< held, so that no other snapshot comes to lie at its address
    Text text;
  };

  std::mutex mutex_;
  std::unordered_map<std::string, Kept> kept_;
};

}  // namespace vpn_sentinel
