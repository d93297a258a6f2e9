#include <algorithm>

#include "probe/report/decode_rules.hpp"
#include "probe/report/library_value.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

using decode_rules::BadField;
using nlohmann::json;

constexpr int most_levels = 32;

/// Copying and dumping a JSON value recurse: 64 KiB of '[' would need more stack than a thread has.
bool is_deeper_than(int levels, const json& value) {
  if (!value.is_structured()) return false;
  return levels == 0 || std::ranges::any_of(value, [levels](const json& item) { return is_deeper_than(levels - 1, item); });
}

Report decode(const json& object) {
  if (is_deeper_than(most_levels, object)) throw BadField{fmt::format("report: nested deeper than {} levels", most_levels)};
  const LibraryValue value(object);
  if (!value.is_object()) decode_rules::reject<LibraryValue>("report", "an object", value);
  const decode_rules::Fields<LibraryValue> fields(value, "");
  auto client_id = fields.text("client_id");
  if (!is_valid_client_id(client_id)) fields.refuse("client_id", "1-100 of A-Z a-z 0-9 . _ -");
  Report report;
  decode_rules::read_report(fields, report);
  report.client_id = std::move(client_id);
  return report;
}

}  // namespace

Result<Report> decode_report(const json& object) {
  try {
    return decode(object);
  } catch (const BadField& bad) {
    return fail(Error::Kind::invalid, bad.message);
  }
}

}  // namespace vpn_sentinel
