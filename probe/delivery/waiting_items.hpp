/// What waits for the hub, in memory: order, superseding and the bound. Pure: no file, no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "probe/delivery/outbox.hpp"

namespace vpn_sentinel {

class WaitingItems {
 public:
  using Id = std::uint64_t;  ///< grows with every item; the key of the row in the file

  explicit WaitingItems(OutboxBounds bounds) : bounds_(bounds) {}

  /// `id` is larger than all before; `item` has its bytes and time. Returns the ids that had to go: superseded or, when a bound is met,
  /// dropped (it may be `id`).
  std::vector<Id> add(Id id, OutboxItem item);
  /// Drops what is too old; the ids that had to go.
  std::vector<Id> expire(MonoTime now);
  /// The id of the removed item; nullopt when there is none such (superseded or dropped meanwhile).
  std::optional<Id> remove(std::string_view client_id, std::string_view boot_id, std::uint64_t seq);

  [[nodiscard]] const OutboxItem* front(std::string_view client_id) const;
  [[nodiscard]] const OutboxItem* front_change(std::string_view client_id) const;
  [[nodiscard]] const OutboxItem* keepalive(std::string_view client_id) const;
  [[nodiscard]] std::vector<const OutboxItem*> front_changes(std::string_view client_id, std::size_t most, std::size_t most_bytes) const;
  [[nodiscard]] std::vector<std::string> clients() const;
  [[nodiscard]] const std::map<Id, OutboxItem>& all() const noexcept { return items_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  struct OneClient {
    std::deque<Id> changes;
    std::optional<Id> keepalive;
  };

  void erase(Id id);
  void drop(Id id, std::vector<Id>& gone);
  [[nodiscard]] const OneClient* find(std::string_view client_id) const;

  OutboxBounds bounds_;
  std::size_t bytes_ = 0;
  std::map<Id, OutboxItem> items_;
  std::set<Id> keepalives_;
  std::map<std::string, OneClient, std::less<>> clients_;
  std::uint64_t dropped_ = 0;
};

}  // namespace vpn_sentinel
