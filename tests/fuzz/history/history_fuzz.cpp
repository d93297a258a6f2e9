// Exports that are read back: whatever a line says, it is taken or refused as wrong, and never brings the database into trouble.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "hub/store/history_import.hpp"
#include "tests/unit/hub/store/temporary_directory.hpp"

namespace {

using namespace vpn_sentinel;

void must(bool condition) {
  if (!condition) std::abort();
}

/// One database for all inputs: what one brought is there for the next.
struct Target {
  test::TemporaryDirectory directory;
  std::unique_ptr<HistoryImport> import = std::move(HistoryImport::open(directory.file("hub.db")).value());

  Target() { must(import->take(R"({"vpn_sentinel_export":1,"made":"2026-11-21T10:00:00.000000Z"})").has_value()); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Target target;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto taken = target.import->take(text.substr(0, end));
    must(taken.has_value() || taken.error().kind == Error::Kind::invalid);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return 0;
}
