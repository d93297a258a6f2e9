#include "hub/ingest/fast_value.hpp"

#include <string>

#include "hub/ingest/parse.hpp"

namespace vpn_sentinel {
namespace {

/// Finding a key twice compares each with each.
constexpr std::size_t most_members = 64;

bool contains_before(const FastValue& object, std::string_view key, std::size_t place) {
  bool found = false;
  std::size_t i = 0;
  object.each_member([&](std::string_view other, const FastValue&) { found = found || (i++ < place && other == key); });
  return found;
}

/// No repeated key anywhere, few members and few levels. The parser has bounded the levels already.
bool is_plain(const FastValue& value) {
  bool plain = true;
  if (value.is_array()) {
    value.each([&plain](const FastValue& item) { plain = plain && is_plain(item); });
  } else if (value.is_object()) {
    std::uint64_t seen = 0;  // by a hash: only keys that share one are compared
    std::size_t members = 0;
    value.each_member([&](std::string_view key, const FastValue& item) {
      const auto bit = std::uint64_t{1} << (FastValue::tag_of(key) * 0x9e3779b1U >> 26U);
      plain = plain && members < most_members && ((seen & bit) == 0 || !contains_before(value, key, members));
      seen |= bit;
      ++members;
      if (item.is_array() || item.is_object()) plain = plain && is_plain(item);
    });
  }
  return plain;
}

/// One for each thread; it keeps its memory, a few times the longest report at most.
simdjson::dom::parser& parser() {
  thread_local simdjson::dom::parser parser(max_report_bytes);
  return parser;
}

}  // namespace

nlohmann::json FastValue::to_json() const {
  using Type = simdjson::dom::element_type;
  switch (element_.type()) {
    case Type::ARRAY: {
      auto list = nlohmann::json::array();
      each([&list](const FastValue& item) { list.push_back(item.to_json()); });
      return list;
    }
    case Type::OBJECT: {
      auto object = nlohmann::json::object();
      each_member([&object](std::string_view key, const FastValue& value) { object[std::string(key)] = value.to_json(); });
      return object;
    }
    case Type::INT64: {
      const auto number = element_.get_int64().value_unsafe();
      if (number < 0) return number;
      return static_cast<std::uint64_t>(number);
    }
    case Type::UINT64:
      return element_.get_uint64().value_unsafe();
    case Type::DOUBLE:
      return element_.get_double().value_unsafe();
    case Type::STRING:
      return std::string(text());
    case Type::BOOL:
      return boolean();
    case Type::NULL_VALUE:
      break;
  }
  return nullptr;
}

std::optional<FastValue> parse_plain_object(std::string_view body) {
  // The library takes half of a pair of such escapes for a character.
  if (body.size() > max_report_bytes || body.find("\\u") != std::string_view::npos) return std::nullopt;
  static thread_local const bool bounded = parser().allocate(max_report_bytes, most_json_depth) == simdjson::SUCCESS;
  if (!bounded) return std::nullopt;
  FastValue::Element element;
  if (body.empty()) return std::nullopt;  // has no address that simdjson may copy from
  if (parser().parse(body.data(), body.size(), true).get(element) != simdjson::SUCCESS) return std::nullopt;
  const FastValue value(element);
  if (!value.is_object() || element.get_object().value_unsafe().size() == 0 || !is_plain(value)) return std::nullopt;
  return value;
}

}  // namespace vpn_sentinel
