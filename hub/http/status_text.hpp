/// The text of GET {prefix}/status, kept until a client changes. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hub/http/negotiation.hpp"
#include "hub/state/client_state.hpp"

namespace vpn_sentinel {

/// A snapshot never changes, so that the same pointer is the same text. With 1,000 clients nearly all of the time went into writing
/// records again that had not changed.
class StatusText {
 public:
  using Snapshot = std::shared_ptr<const ClientState>;

  /// `clients`: as readers see them at this moment, sorted by client_id. Who is offline is left out, as the Python original forgets him:
  /// a record here means that the client reports.
  [[nodiscard]] std::shared_ptr<const Content> of(std::vector<Snapshot> clients);

 private:
  /// Where a client's record lies in the text; empty for one that is left out.
  struct Place {
    std::size_t start = 0;
    std::size_t length = 0;
  };
  void write(std::vector<Snapshot> clients);

  std::mutex mutex_;
  std::vector<Snapshot> clients_;  ///< held, so that no other snapshot comes to lie at the address of one of them
  std::vector<Place> places_;
  std::shared_ptr<const Content> content_;
};

}  // namespace vpn_sentinel
