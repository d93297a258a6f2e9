/// Rows that are kept by name, as writer and reader find them.
#pragma once

#include <string>
#include <vector>

#include "hub/store/reader.hpp"
#include "hub/store/sqlite.hpp"

namespace vpn_sentinel {

/// `statement`: name and json of one kind.
[[nodiscard]] inline Result<std::vector<Kept>> read_kept(Statement& statement, KeptKind kind) {
  std::vector<Kept> all;
  auto done = statement.query(
      [&all](const Statement& row) {
        all.push_back({std::string(row.text(0)), std::string(row.text(1))});
      },
      static_cast<std::int64_t>(kind));
  if (!done) return fail(done.error());
  return all;
}

}  // namespace vpn_sentinel
