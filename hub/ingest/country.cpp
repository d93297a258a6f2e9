#include "hub/ingest/country.hpp"

#include <algorithm>
#include <cmath>

#include "hub/ingest/country_names.hpp"
#include "hub/ingest/country_places.hpp"
#include "netns/base/letters.hpp"

namespace vpn_sentinel {
namespace {

/// Letters outside ASCII are compared as they are.
bool same_word(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) { return lower(a) == lower(b); });
}

template <typename Table>
const Country* find_name(const Table& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [name](const Country& row) { return same_word(row.name, name); });
  return found == table.end() ? nullptr : &*found;
}

const Country* find_code(std::string_view code) {
  const auto found = std::find_if(countries.begin(), countries.end(), [code](const Country& row) { return same_word(row.code, code); });
  return found == countries.end() ? nullptr : &*found;
}

}  // namespace

std::optional<std::string> country_code(std::string_view text) {
  const Country* found = text.size() == 2 ? find_code(text) : nullptr;
  if (found == nullptr) found = find_name(countries, text);
  if (found == nullptr) found = find_name(other_country_names, text);
  if (found == nullptr) return std::nullopt;
  return std::string(found->code);
}

std::optional<Coordinates> country_place(std::string_view code) {
  const auto found = std::ranges::lower_bound(country_places, code, {}, &CountryPlace::code);
  if (found == country_places.end() || found->code != code) return std::nullopt;
  // Of the tenths that the table has, not of what a float makes of them.
  const auto tenths = [](float degrees) { return std::round(static_cast<double>(degrees) * 10) / 10; };
  return Coordinates{tenths(found->latitude), tenths(found->longitude)};
}

}  // namespace vpn_sentinel
