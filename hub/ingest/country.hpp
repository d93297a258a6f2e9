/// Countries as the geolocation services name them: some send "RO", some "Romania".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vpn_sentinel {

/// ISO 3166-1 alpha-2 in capitals for a code or an English name, in any case; nullopt for anything else ("XX", "T1", a city).
[[nodiscard]] std::optional<std::string> country_code(std::string_view text);

/// A point within a country, in degrees, for maps.
struct Coordinates {
  double latitude = 0;
  double longitude = 0;
};
/// `code`: as country_code() gives it; nullopt: not known.
[[nodiscard]] std::optional<Coordinates> country_place(std::string_view code);

}  // namespace vpn_sentinel
