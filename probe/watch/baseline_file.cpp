// The pinned healthy state as a file.
#include <fmt/format.h>

#include "probe/watch/baseline.hpp"
#include "probe/watch/small_file.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

constexpr std::size_t most_bytes = 1 << 20;

Result<std::vector<std::string>> lines_of(const json& value, const char* member) {
  const auto found = value.find(member);
  if (found == value.end() || !found->is_array()) return fail(Error::Kind::invalid, fmt::format("'{}' is not a list", member));
  std::vector<std::string> lines;
  for (const auto& line : *found) {
    if (!line.is_string()) return fail(Error::Kind::invalid, fmt::format("an entry of '{}' is not a text", member));
    lines.push_back(line.get<std::string>());
  }
  return lines;
}

Result<std::string> text_of(const json& value, const char* member) {
  const auto found = value.find(member);
  if (found == value.end() || !found->is_string()) return fail(Error::Kind::invalid, fmt::format("'{}' is not a text", member));
  return found->get<std::string>();
}

}  // namespace

json to_json(const Baseline& baseline) {
  json value{{"time", to_rfc3339(baseline.time)}, {"tunnel", baseline.tunnel}, {"rules", baseline.rules}, {"routes", baseline.routes}};
  if (baseline.left_out > 0) value["routes_left_out"] = baseline.left_out;
  return value;
}

Result<Baseline> baseline_from_json(const json& value) {
  if (!value.is_object()) return fail(Error::Kind::invalid, "a baseline is a JSON object");
  const auto time_text = text_of(value, "time");
  if (!time_text) return fail(time_text.error());
  const auto time = parse_rfc3339(*time_text);
  if (!time) return fail(Error::Kind::invalid, fmt::format("'time': {}", time.error().message));
  const auto tunnel = text_of(value, "tunnel");
  if (!tunnel) return fail(tunnel.error());
  auto rules = lines_of(value, "rules");
  if (!rules) return fail(rules.error());
  auto routes = lines_of(value, "routes");
  if (!routes) return fail(routes.error());
  const auto left_out = value.find("routes_left_out");
  if (left_out != value.end() && !left_out->is_number_unsigned()) return fail(Error::Kind::invalid, "'routes_left_out' is not a number");
  return Baseline{*time, *tunnel, std::move(*rules), std::move(*routes), left_out == value.end() ? 0 : left_out->get<std::size_t>()};
}

std::string baseline_file(const std::string& folder, const std::string& client_id) {
  return folder.empty() ? std::string() : fmt::format("{}/{}.json", folder, client_id);
}

Result<Baseline> read_baseline(const std::string& file) {
  const auto text = read_small_file(file, most_bytes);
  if (!text) return fail(text.error());
  const auto value = json::parse(*text, nullptr, false);
  if (value.is_discarded()) return fail(Error::Kind::invalid, fmt::format("{} is not JSON", file));
  auto baseline = baseline_from_json(value);
  if (!baseline) return fail(Error::Kind::invalid, fmt::format("{}: {}", file, baseline.error().message));
  return baseline;
}

Result<void> write_baseline(const std::string& file, const Baseline& baseline) {
  return write_small_file(file, to_json(baseline).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace vpn_sentinel
