/// A value of nlohmann/json as the rules of a report's fields read it (decode_rules.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace vpn_sentinel {

/// Does not own.
class LibraryValue {
 public:
  explicit LibraryValue(const nlohmann::json& value) : value_(&value) {}

  [[nodiscard]] bool is_null() const { return value_->is_null(); }
  [[nodiscard]] bool is_boolean() const { return value_->is_boolean(); }
  [[nodiscard]] bool is_string() const { return value_->is_string(); }
  [[nodiscard]] bool is_array() const { return value_->is_array(); }
  [[nodiscard]] bool is_object() const { return value_->is_object(); }

  [[nodiscard]] bool boolean() const { return value_->get<bool>(); }
  [[nodiscard]] std::string_view text() const { return value_->get_ref<const std::string&>(); }
  [[nodiscard]] std::optional<std::uint64_t> whole() const {
    // A value made in code holds its positive numbers as signed ones, a parsed one as unsigned.
    const bool negative = value_->is_number_integer() && !value_->is_number_unsigned() && value_->get<std::int64_t>() < 0;
    if (!value_->is_number_integer() || negative) return std::nullopt;
    return value_->get<std::uint64_t>();
  }
  [[nodiscard]] std::optional<double> number() const {
    if (!value_->is_number()) return std::nullopt;
    return value_->get<double>();
  }

  [[nodiscard]] std::size_t size() const { return value_->size(); }
  template <typename OnItem>
  void each(OnItem on_item) const {
    for (const auto& item : *value_) on_item(LibraryValue(item));
  }

  class Object {
   public:
    explicit Object(const LibraryValue& value) : object_(value.value_) {}
    [[nodiscard]] std::optional<LibraryValue> find(std::string_view key) const {
      const auto found = object_->find(key);
      if (found == object_->end()) return std::nullopt;
      return LibraryValue(*found);
    }

   private:
    const nlohmann::json* object_;
  };

  [[nodiscard]] nlohmann::json to_json() const { return *value_; }

 private:
  const nlohmann::json* value_;
};

}  // namespace vpn_sentinel
