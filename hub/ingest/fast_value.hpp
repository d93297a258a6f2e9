/// A value of simdjson's DOM as the rules of a report's fields read it (probe/report/decode_rules.hpp): an eighth of the time that the
/// other library takes. What it cannot read, or not in exactly the same way, is left to that one.
#pragma once

#include <simdjson.h>

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

namespace vpn_sentinel {

/// Lies in the parser's memory: valid until the same thread parses the next text.
class FastValue {
 public:
  using Element = simdjson::dom::element;

  explicit FastValue(Element element) : element_(element) {}

  [[nodiscard]] bool is_null() const { return element_.is_null(); }
  [[nodiscard]] bool is_boolean() const { return element_.is_bool(); }
  [[nodiscard]] bool is_string() const { return element_.is_string(); }
  [[nodiscard]] bool is_array() const { return element_.is_array(); }
  [[nodiscard]] bool is_object() const { return element_.is_object(); }

  [[nodiscard]] bool boolean() const { return element_.get_bool().value_unsafe(); }
  [[nodiscard]] std::string_view text() const { return element_.get_string().value_unsafe(); }
  [[nodiscard]] std::optional<std::uint64_t> whole() const {
    std::uint64_t number = 0;
    if (!element_.is_int64() && !element_.is_uint64()) return std::nullopt;
    if (element_.get_uint64().get(number) != simdjson::SUCCESS) return std::nullopt;  // negative
    return number;
  }
  [[nodiscard]] std::optional<double> number() const {
    double number = 0;
    if (!element_.is_number() || element_.get_double().get(number) != simdjson::SUCCESS) return std::nullopt;
    return number;
  }

  [[nodiscard]] std::size_t size() const { return element_.get_array().value_unsafe().size(); }
  template <typename OnItem>
  void each(OnItem on_item) const {
    const simdjson::dom::array items = element_.get_array().value_unsafe();
    for (const auto item : items) on_item(FastValue(item));
  }

  /// The library searches an object from its beginning for each key, stepping over the values; here they lie side by side. A table by
  /// hash was measured and costs more than it saves: making it is most of the work.
  class Object {
   public:
    explicit Object(const FastValue& value) {
      const simdjson::dom::object fields = value.element_.get_object().value_unsafe();
      for (const auto field : fields) {
        tags_.push_back(tag_of(field.key));
        members_.emplace_back(field.key, field.value);
      }
    }
    [[nodiscard]] std::optional<FastValue> find(std::string_view key) const {
      const auto tag = tag_of(key);
      for (std::size_t i = 0; i < tags_.size(); ++i) {
        if (tags_[i] == tag && members_[i].first == key) return FastValue(members_[i].second);
      }
      return std::nullopt;
    }
    [[nodiscard]] const auto& members() const { return members_; }

   private:
    static constexpr std::size_t usual = 32;
    boost::container::small_vector<std::uint32_t, usual> tags_;
    boost::container::small_vector<std::pair<std::string_view, Element>, usual> members_;
  };

  /// Of an object that parse_plain_object() has read, at any depth.
  static constexpr std::size_t most_members = 64;

  /// Length, first and last character: keys that differ nearly always differ in it.
  [[nodiscard]] static std::uint32_t tag_of(std::string_view key) {
    if (key.empty()) return 0;
    return static_cast<std::uint32_t>(key.size()) << 16U | static_cast<std::uint32_t>(static_cast<unsigned char>(key.front())) << 8U |
           static_cast<unsigned char>(key.back());
  }

  /// Calls `on_member(key, FastValue)` for each.
  template <typename OnMember>
  void each_member(OnMember on_member) const {
    const simdjson::dom::object fields = element_.get_object().value_unsafe();
    for (const auto field : fields) on_member(field.key, FastValue(field.value));
  }

  [[nodiscard]] nlohmann::json to_json() const;

 private:
  Element element_;
};

/// The object in `body`. Nullopt: something about it is wrong or unusual (no member, a repeated key, a number beyond 64 bits, an escape by
/// number, many levels), and parse_object() is to decide.
[[nodiscard]] std::optional<FastValue> parse_plain_object(std::string_view body);

}  // namespace vpn_sentinel
