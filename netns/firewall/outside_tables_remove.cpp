#include "netns/firewall/outside_tables.hpp"

#include <algorithm>
#include <set>

#include "netns/firewall/nft_dump.hpp"
#include "netns/firewall/outside_batch.hpp"

namespace vpn_sentinel {

Result<void> OutsideTables::remove(const std::vector<nft::Table>& tables) {
  if (tables.empty()) return {};
  auto batch = next_batch(socket_);
  for (const auto& table : tables) batch.remove(table.name);
  return commit_batch(socket_, batch, purpose());
}

Result<void> OutsideTables::remove() {
  constexpr int tries = 2;
  for (int i = 0; i < tries; ++i) {
    const auto tables = present();
    if (!tables) return fail(tables.error());
    auto done = remove(*tables);
    // That somebody else was faster is no error: it is looked at once more.
    if (!done && done.error().kind != Error::Kind::not_found) return done;
    if (done) break;
  }
  installed_.clear();
  prepared_.clear();
  egress_gap_.reset();
  tally_ = {};
  const auto left = exists();
  if (!left) return fail(left.error());
  if (*left) return fail(Error::Kind::failed, "the table was made anew by somebody while it was taken away");
  return {};
}

Result<void> OutsideTables::remove_own() {
  auto tables = present();
  if (!tables) return fail(tables.error());
  std::erase_if(*tables, [&](const nft::Table& table) {
    const bool made_here = std::find(made_.begin(), made_.end(), table.handle) != made_.end();
    return table.owner == 0 ? !made_here : table.owner != socket_.netlink.port;
  });
  return remove(*tables);
}

Result<std::vector<std::string>> outside_table_ids(const SocketOpener& opener, OutsideAction action) {
  auto socket = nft::open_nft(opener);
  if (!socket) return fail(socket.error());
  std::set<std::string> ids;
  for (const auto family : outside_families) {
    const auto tables = nft::list_tables(*socket, family, purpose_of(action));
    if (!tables) return fail(tables.error());
    for (const auto& table : *tables) {
      if (is_firewall_table(action, table.name.name)) ids.insert(firewall_id_of(action, table.name.name));
    }
  }
  return std::vector<std::string>(ids.begin(), ids.end());
}

Result<std::size_t> remove_outside_tables(const SocketOpener& opener, OutsideAction action, OwnedTables owned) {
  auto socket = nft::open_nft(opener);
  if (!socket) return fail(socket.error());
  std::size_t removed = 0;
  std::optional<Error> refused;
  for (const auto family : outside_families) {
    const auto tables = nft::list_tables(*socket, family, purpose_of(action));
    if (!tables) return fail(tables.error());
    for (const auto& table : *tables) {
      if (!is_firewall_table(action, table.name.name) || (owned == OwnedTables::stay && table.owner != 0)) continue;
      auto batch = next_batch(*socket);
      batch.remove(table.name);
      const auto done = commit_batch(*socket, batch, purpose_of(action));
      if (done) ++removed;
      if (!done && done.error().kind != Error::Kind::not_found) refused = done.error();
    }
  }
  if (refused) return fail(*refused);
  return removed;
}

}  // namespace vpn_sentinel
