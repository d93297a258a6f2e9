/// The cases that every backend must pass. A backend's test gives a place that it can open again and again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/store/store.hpp"

namespace vpn_sentinel::test {

/// Reports from `after` on are kept.
inline Retention keeping(WallTime after) {
  Retention retention;
  retention.now = after + retention.reports;
  return retention;
}

struct StoreFactory {
  std::string backend;
  /// A store with nothing in it, and a way to open the same data again after it was destroyed.
  std::function<std::function<std::unique_ptr<Store>()>()> fresh;
};

struct ContractCase {
  const char* name;
  void (*run)(const StoreFactory&);
};

/// Parts of it, each in a file of its own.
[[nodiscard]] std::vector<ContractCase> removal_contract();
[[nodiscard]] std::vector<ContractCase> roll_up_contract();
[[nodiscard]] std::vector<ContractCase> query_contract();
[[nodiscard]] std::vector<ContractCase> numbers_contract();
[[nodiscard]] std::vector<ContractCase> kept_contract();

/// All cases, to be registered under the backend's name.
const std::vector<ContractCase>& store_contract();

}  // namespace vpn_sentinel::test
