/// A desk that tells each change at once with the words of a test, and remembers nothing.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "hub/engine/alert_desk.hpp"

namespace vpn_sentinel::test {

class ComposeDesk final : public AlertDesk {
 public:
  using Compose = std::function<std::vector<StoredAlert>(const Change&)>;
  explicit ComposeDesk(Compose compose) : compose_(std::move(compose)) {}

  void restore(const std::vector<Kept>&, const std::vector<Kept>&, const Care&, WallTime) override {}
  void adopt(const ClientState&, bool, const std::optional<Incident>&, WallTime) override {}
  [[nodiscard]] bool is_stock_due() const override { return false; }
  void stock_taken() override {}
  void shift(std::chrono::microseconds) override {}
  void begin() override { alerts_.clear(); }
  void take_back() override { alerts_.clear(); }
  void on_change(const Change& change, bool by_group, std::optional<std::int64_t>, WallTime) override {
    if (by_group && !change.past && change.kind != Change::Kind::address_changed) return;
    for (auto& alert : compose_(change)) alerts_.push_back(std::move(alert));
  }
  void on_report(const ClientState&, WallTime) override {}
  void on_acknowledged(const std::string&, bool, WallTime) override {}
  void on_care(const Care&, WallTime) override {}
  void on_rules(const std::vector<Kept>&, WallTime) override {}
  void forget(const std::string&) override {}
  Outcome finish(WallTime) override { return {std::exchange(alerts_, {}), {}, {}}; }
  [[nodiscard]] std::optional<WallTime> next_alarm() const override { return std::nullopt; }

 private:
  Compose compose_;
  std::vector<StoredAlert> alerts_;
};

}  // namespace vpn_sentinel::test
