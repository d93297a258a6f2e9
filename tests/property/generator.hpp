/// Random operations that look like what VPN clients, DHCP clients, attackers and administrators do to a namespace. Pure: the random
/// numbers come from a seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "tests/property/operation.hpp"

namespace vpn_sentinel::property {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  /// A healthy tunnel, as one of the common clients builds it.
  [[nodiscard]] std::vector<Operation> baseline();
  /// `leaking`: packets leave at the moment; then it is rather something taken back, because among leaks a further one shows nothing.
  [[nodiscard]] Operation next(const Model& model, bool leaking);

 private:
  [[nodiscard]] Operation add_route(Family family);
  [[nodiscard]] Operation delete_route(const Model& model);
  [[nodiscard]] Operation add_rule(Family family);
  [[nodiscard]] Operation delete_rule(const Model& model);
  [[nodiscard]] Operation change_address(const Model& model);
  [[nodiscard]] Operation change_link();
  [[nodiscard]] Operation change_next_hop();
  [[nodiscard]] Operation undo(const Model& model);

  void choose_way(Operation& route, std::string& line);
  [[nodiscard]] std::string choose_selectors(Family family, Selectors& selectors);
  [[nodiscard]] IpPrefix choose_prefix(Family family);
  [[nodiscard]] std::uint32_t choose_table();
  [[nodiscard]] std::string hop(Family family, bool by_tunnel);

  [[nodiscard]] int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  [[nodiscard]] bool chance(int percent) { return below(100) < percent; }
  template <typename List>
  [[nodiscard]] const auto& any_of(const List& list) {
    return *std::next(list.begin(), below(static_cast<int>(list.size())));
  }

  std::mt19937_64 random_;
  std::vector<IpPrefix> used_;  ///< so that routes meet each other
};

}  // namespace vpn_sentinel::property
