#include "tests/property/trial.hpp"

namespace vpn_sentinel::property {
namespace {

bool ends_in(const std::vector<Operation>& operations, Mismatch::Kind kind) {
  Trial trial;
  for (const auto& operation : operations) trial.apply(operation);
  const auto mismatch = trial.compare();
  return mismatch && mismatch->kind == kind;
}

}  // namespace

void Trial::apply(const Operation& operation) {
  network_.apply(operation);
  model_.apply(operation);
  verdict_ = judgement_.now();
}

std::optional<Mismatch> Trial::disagreement() {
  const auto leak = network_.find_leak(model_, false);
  leaking_ = leak.has_value();
  const bool red = verdict_.state == State::danger;
  if (leak && !red) return Mismatch{Mismatch::Kind::wrong_green, verdict_, *leak};
  // A mark that may be the VPN's own excuses either answer.
  if (!leak && red && !network_.find_leak(model_, true)) return Mismatch{Mismatch::Kind::wrong_red, verdict_, {}};
  return std::nullopt;
}

std::optional<Mismatch> Trial::compare() {
  late_ = false;
  auto found = disagreement();
  if (!found) return found;
  verdict_ = judgement_.settled();
  found = disagreement();
  late_ = !found;
  return found;
}

std::vector<Operation> shrink(std::vector<Operation> operations, Mismatch::Kind kind) {
  for (std::size_t step = operations.size() / 2; step > 0; step /= 2) {
    bool shorter = true;
    while (shorter) {
      shorter = false;
      for (std::size_t at = 0; at + step <= operations.size();) {
        auto fewer = operations;
        const auto first = fewer.begin() + static_cast<std::ptrdiff_t>(at);
        fewer.erase(first, first + static_cast<std::ptrdiff_t>(step));
        if (ends_in(fewer, kind)) {
          operations = std::move(fewer);
          shorter = true;
        } else {
          at += step;
        }
      }
    }
  }
  return operations;
}

}  // namespace vpn_sentinel::property
