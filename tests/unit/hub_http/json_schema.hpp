/// Holds a value against a JSON Schema, as far as openapi.json uses it. A keyword that it does not know is a problem, too, so that nothing
/// of the document goes unchecked.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vpn_sentinel {

class SchemaChecker {
 public:
  /// `document`: where "#/components/…" is looked up; it must outlive this.
  explicit SchemaChecker(const nlohmann::json& document) : document_(document) {}

  /// What does not fit, each with where it is; empty: all fits.
  [[nodiscard]] std::vector<std::string> check(const nlohmann::json& value, const nlohmann::json& schema) const;
  /// The object itself, or what its $ref names.
  [[nodiscard]] const nlohmann::json& resolve(const nlohmann::json& object) const;

 private:
  void walk(const nlohmann::json& value, const nlohmann::json& schema, const std::string& place, std::vector<std::string>& problems) const;

  const nlohmann::json& document_;
};

}  // namespace vpn_sentinel
