#include "hub/http/account_body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "hub/http/reply.hpp"
#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

using json = nlohmann::json;

constexpr std::size_t longest_item = 128;

bool is_json(std::string_view content_type) {
  auto type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return equal_ignoring_case(type, "application/json");
}

bool is_clean(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

AccountBody::AccountBody(const Request& request, std::initializer_list<std::string_view> known) {
  if (request.body.empty()) return;
  if (!is_json(request.header("Content-Type"))) {
    refusal_ = error_response(415, "Unsupported media type", "Content-Type: expected application/json");
  } else if (request.body.size() > most_bytes) {
    refusal_ = error_response(413, "Payload too large", fmt::format("The body may have {} bytes", most_bytes));
  } else {
    parse(request.body, known);
  }
}

void AccountBody::parse(std::string_view body, std::initializer_list<std::string_view> known) {
  std::set<std::string> names;
  std::string twice;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  object_ = json::parse(body, watch, false);
  if (!object_.is_object()) {
    object_ = json::object();
    return refuse("body", "a JSON object");
  }
  if (!twice.empty()) return refuse(twice, "one such field");
  for (const auto& name : names) {
    if (std::ranges::find(known, name) == known.end()) return refuse(name, "no such field");
  }
}

void AccountBody::refuse(std::string_view name, std::string_view expected) {
  if (refusal_) return;
  refusal_ = error_response(400, "Invalid request", fmt::format("{}: expected {}", name.substr(0, longest_item), expected));
}

const json* AccountBody::find(const char* name) const {
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

std::optional<std::string> AccountBody::optional_text(const char* name, std::size_t least, std::size_t most) {
  const auto* const value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto* const text = value->get_ptr<const std::string*>();
  if (text != nullptr && text->size() >= least && text->size() <= most && is_clean(*text)) return *text;
  refuse(name, fmt::format("a text of {} to {} bytes without control characters", least, most));
  return std::nullopt;
}

std::string AccountBody::text(const char* name, std::size_t least, std::size_t most) {
  if (find(name) == nullptr) refuse(name, "a text");
  return optional_text(name, least, most).value_or("");
}

std::string AccountBody::lines(const char* name, std::size_t least, std::size_t most) {
  const auto* const value = find(name);
  const auto* const text = value != nullptr ? value->get_ptr<const std::string*>() : nullptr;
  auto plain = text != nullptr ? *text : std::string();
  std::ranges::replace_if(
      plain, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  if (text != nullptr && text->size() >= least && text->size() <= most && is_clean(plain)) return *text;
  refuse(name, fmt::format("a text of {} to {} bytes without control characters but line breaks and tabs", least, most));
  return {};
}

bool AccountBody::flag(const char* name) {
  const auto* const value = find(name);
  if (value != nullptr && !value->is_boolean()) refuse(name, "true or false");
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::optional<std::int64_t> AccountBody::number(const char* name, std::int64_t least, std::int64_t most) {
  const auto* const value = find(name);
  if (value == nullptr) return std::nullopt;
  // One beyond int64 is an unsigned one for the library.
  const bool fits = value->is_number_integer() && (!value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX);
  if (fits && value->get<std::int64_t>() >= least && value->get<std::int64_t>() <= most) return value->get<std::int64_t>();
  refuse(name, fmt::format("a whole number from {} to {}", least, most));
  return std::nullopt;
}

std::vector<std::string> AccountBody::texts(const char* name, std::size_t most) {
  const auto* const value = find(name);
  std::vector<std::string> items;
  const bool right = value != nullptr && value->is_array() && value->size() <= most && std::ranges::all_of(*value, [](const json& item) {
                       return item.is_string() && item.get_ref<const std::string&>().size() <= longest_item;
                     });
  if (right) {
    for (const auto& item : *value) items.push_back(item.get<std::string>());
  } else {
    refuse(name, fmt::format("a list of at most {} texts", most));
  }
  return items;
}

}  // namespace vpn_sentinel
