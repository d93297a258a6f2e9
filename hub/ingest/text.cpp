#include "hub/ingest/text.hpp"

#include <algorithm>
#include <utility>

#include "netns/base/printable_ascii.hpp"

namespace vpn_sentinel {
namespace {

unsigned char byte_at(std::string_view text, std::size_t index) {
  return index < text.size() ? static_cast<unsigned char>(text[index]) : static_cast<unsigned char>(0);
}

/// Length in bytes of the control character at the front of `text`; 0: it is none.
std::size_t control_length(std::string_view text) {
  const auto first = byte_at(text, 0);
  if (first < 0x20 || first == 0x7f) return 1;
  if (first == 0xc2 && byte_at(text, 1) >= 0x80 && byte_at(text, 1) <= 0x9f) return 2;  // U+0080..U+009F
  if (first != 0xe2) return 0;
  const auto second = byte_at(text, 1);
  const auto third = byte_at(text, 2);
  if (second == 0x80 && third >= 0xa8 && third <= 0xae) return 3;  // U+2028..U+202E
  if (second == 0x81 && third >= 0xa6 && third <= 0xa9) return 3;  // U+2066..U+2069
  return 0;
}

std::string with_question_marks(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const auto length = control_length(text);
    clean += length > 0 ? '?' : text.front();
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

void replace_in_object(nlohmann::json& object) {
  auto clean = nlohmann::json::object();
  for (auto& [key, value] : object.items()) {
    replace_control_characters(value);
    clean[with_question_marks(key)] = std::move(value);
  }
  object = std::move(clean);
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white_space = " \t\r\n\v\f";
  const auto begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

std::size_t code_points(std::string_view text) {
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_start));
}

bool has_control_characters(std::string_view text) {
  if (is_printable_ascii(text)) return false;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (control_length(text) > 0) return true;
  }
  return false;
}

bool is_plain_text(std::string_view text, std::size_t most) {
  // Nearly all text is ASCII, of which each byte is a character.
  if (is_printable_ascii(text)) return text.size() <= most;
  return code_points(text) <= most && !has_control_characters(text);
}

void replace_control_characters(std::string& text) {
  if (has_control_characters(text)) text = with_question_marks(text);
}

void replace_control_characters(nlohmann::json& value) {
  if (value.is_string()) {
    replace_control_characters(value.get_ref<std::string&>());
  } else if (value.is_array()) {
    for (auto& item : value) replace_control_characters(item);
  } else if (value.is_object()) {
    replace_in_object(value);
  }
}

}  // namespace vpn_sentinel
