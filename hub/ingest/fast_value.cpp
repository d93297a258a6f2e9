#include "hub/ingest/fast_value.hpp"

#include <string>

#include "hub/ingest/parse.hpp"

namespace vpn_sentinel {
namespace {

/// Finding a key twice compares each with each.
constexpr std::size_t most_members = 64;

bool has_repeated_key(const FastValue::Object& object) {
  const auto& members = object.members();
  for (std::size_t i = 1; i < members.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (members[i].first == members[j].first) return true;
    }
  }
  return false;
}

/// No repeated key anywhere, few members and few levels. The parser has bounded the levels already.
bool is_plain(const FastValue& value) {
  bool plain = true;
  if (value.is_array()) {
    value.each([&plain](const FastValue& item) { plain = plain && is_plain(item); });
  } else if (value.is_object()) {
    const FastValue::Object object(value);
    plain = object.members().size() <= most_members && !has_repeated_key(object);
    for (const auto& [key, item] : object.members()) plain = plain && is_plain(FastValue(item));
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
      const Object fields(*this);
      for (const auto& [key, value] : fields.members()) object[std::string(key)] = FastValue(value).to_json();
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
