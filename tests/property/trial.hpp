/// A sequence of operations in a network of its own, judged and measured.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probe/verdict/judge.hpp"
#include "tests/property/generator.hpp"
#include "tests/property/judgement.hpp"
#include "tests/property/network.hpp"

namespace vpn_sentinel::property {

/// The judgement and the packets disagree.
struct Mismatch {
  enum class Kind { wrong_green, wrong_red };
  Kind kind = Kind::wrong_green;
  Verdict verdict;
  std::string leak;  ///< the packet that left; empty: none did
};

class Trial {
 public:
  Trial() : model_(Network::initial_model()) {}

  void apply(const Operation& operation);
  /// Sends everything and compares.
  [[nodiscard]] std::optional<Mismatch> compare();

  [[nodiscard]] const Model& model() const noexcept { return model_; }
  [[nodiscard]] bool leaking() const noexcept { return leaking_; }
  [[nodiscard]] State state() const noexcept { return verdict_.state; }
  /// A disagreement that was gone when the watch would have looked again.
  [[nodiscard]] bool was_late() const noexcept { return late_; }

 private:
  [[nodiscard]] std::optional<Mismatch> disagreement();

  Network network_;  // first: it enters the namespace that the judgement then watches
  Judgement judgement_;
  Model model_;
  Verdict verdict_;
  bool leaking_ = false;
  bool late_ = false;
};

/// The shortest sequence found by leaving out operations that ends in a disagreement of the same kind.
[[nodiscard]] std::vector<Operation> shrink(std::vector<Operation> operations, Mismatch::Kind kind);

}  // namespace vpn_sentinel::property
