#include "hub/ingest/fast_value.hpp"

#include <algorithm>
#include <array>
#include <boost/container/static_vector.hpp>
#include <string>
#include <utility>

#include "hub/ingest/parse.hpp"

namespace vpn_sentinel {
namespace {

constexpr auto most_members = FastValue::most_members;

/// The keys of one object so far.
class Keys {
 public:
  /// False: it is there already, or there are too many.
  bool add(std::string_view key) {
    const auto tag = FastValue::tag_of(key);
    const auto hash = tag * 0x9e3779b1U;
    auto& word = seen_[hash >> 30U];
    const auto bit = std::uint64_t{1} << (hash >> 24U & 63U);
    // Only keys that share a bit are compared.
    if (keys_.size() == most_members || ((word & bit) != 0 && contains({tag, key}))) return false;
    word |= bit;
    keys_.emplace_back(tag, key);
    return true;
  }

 private:
  using Tagged = std::pair<std::uint32_t, std::string_view>;

  [[nodiscard]] bool contains(const Tagged& key) const { return std::find(keys_.begin(), keys_.end(), key) != keys_.end(); }

  std::array<std::uint64_t, 4> seen_{};
  boost::container::static_vector<Tagged, most_members> keys_;  // its places are not cleared: each object of each report has one
};

bool is_plain(simdjson::dom::element value);

bool is_plain_object(simdjson::dom::object members) {
  Keys keys;
  for (const auto member : members) {
    if (!keys.add(member.key) || !is_plain(member.value)) return false;
  }
  return true;
}

/// No repeated key anywhere, few members and few levels. The parser has bounded the levels already.
bool is_plain(simdjson::dom::element value) {
  if (value.is_object()) return is_plain_object(value.get_object().value_unsafe());
  if (!value.is_array()) return true;
  const simdjson::dom::array items = value.get_array().value_unsafe();
  for (const auto item : items) {
    if (!is_plain(item)) return false;
  }
  return true;
}

/// One for each thread; it keeps its memory, a few times the longest report at most.
simdjson::dom::parser& report_parser() {
  thread_local simdjson::dom::parser report_parser(max_report_bytes);
  return report_parser;
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
  static thread_local const bool bounded = report_parser().allocate(max_report_bytes, most_json_depth) == simdjson::SUCCESS;
  if (!bounded) return std::nullopt;
  FastValue::Element element;
  if (body.empty()) return std::nullopt;  // has no address that simdjson may copy from
  if (report_parser().parse(body.data(), body.size(), true).get(element) != simdjson::SUCCESS) return std::nullopt;
  const FastValue value(element);
  if (!value.is_object() || element.get_object().value_unsafe().size() == 0 || !is_plain(element)) return std::nullopt;
  return value;
}

}  // namespace vpn_sentinel
