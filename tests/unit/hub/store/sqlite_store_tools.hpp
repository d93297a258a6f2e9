/// A database of the hub in a folder of the test.
#pragma once

#include <sqlite3.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

#include "hub/store/store.hpp"
#include "tests/unit/hub/make.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

namespace vpn_sentinel::test {

inline std::unique_ptr<Store> open_or_fail(const std::string& file) {
  auto store = open_sqlite_store(file);
  BOOST_REQUIRE_MESSAGE(store.has_value(), (store ? "" : store.error().message));
  return std::move(*store);
}

inline void run_sql(const std::string& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  BOOST_REQUIRE_EQUAL(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  BOOST_CHECK_EQUAL(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(handle);
}

inline Result<void> store_report(Store& store, std::uint64_t seq) {
  if (auto begun = store.begin(); !begun) return begun;
  if (auto added = store.add_report(report("a", "b", seq, State::secure, at(0))); !added) return fail(added.error());
  return store.commit();
}

}  // namespace vpn_sentinel::test
