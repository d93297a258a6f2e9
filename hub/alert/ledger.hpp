/// Values by name that can be taken back, and that tell which of them have to be saved. No threads.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace vpn_sentinel {

template <typename T>
class Ledger {
 public:
  using Map = std::map<std::string, T>;

  [[nodiscard]] const Map& all() const noexcept { return values_; }
  [[nodiscard]] const T* find(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
  }

  /// In the place of what was there; nullopt removes it.
  void set(const std::string& name, std::optional<T> value) {
    auto found = values_.find(name);
    if (found == values_.end() && !value) return;
    before_.try_emplace(name, found == values_.end() ? std::nullopt : std::optional(found->second));
    unsaved_.insert(name);
    if (!value) {
      values_.erase(found);
    } else {
      values_.insert_or_assign(name, std::move(*value));
    }
  }

  /// What was stored: nothing to save.
  void restore(std::string name, T value) { values_.insert_or_assign(std::move(name), std::move(value)); }

  /// What was set until now counts.
  void begin() {
    before_.clear();
    saving_.clear();
  }
  /// Everything is as it was at the last begin(). Returns the names that had been set.
  std::set<std::string> take_back() {
    unsaved_.merge(saving_);
    std::set<std::string> names;
    for (auto& [name, value] : std::exchange(before_, {})) {
      names.insert(name);
      if (value) {
        values_.insert_or_assign(name, std::move(*value));
      } else {
        values_.erase(name);
      }
    }
    return names;
  }
  /// What was set since it was asked last; those that were taken back among them, which does no harm.
  const std::set<std::string>& take_unsaved() {
    saving_ = std::exchange(unsaved_, {});
    return saving_;
  }

 private:
  Map values_;
  std::map<std::string, std::optional<T>> before_;
  std::set<std::string> unsaved_;
  std::set<std::string> saving_;  ///< by the transaction under way
};

}  // namespace vpn_sentinel
