/// JSON text written directly, where a library's tree of values would cost ten times as much: the hub does this for every report.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// Text that is not UTF-8 must not stop the writer: it gets replacement characters.
void append_json(std::string& out, const nlohmann::json& value);

void append(std::string& out, std::string_view text);
void append(std::string& out, bool value);
/// What JSON has no number for becomes null.
void append(std::string& out, double value);
void append(std::string& out, WallTime time);
inline void append(std::string& out, const std::string& text) { append(out, std::string_view(text)); }
inline void append(std::string& out, std::integral auto value) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
}

template <typename List, typename AppendItem>
void append_list(std::string& out, const List& list, AppendItem append_item) {
  out += '[';
  for (const auto& item : list) {
    if (&item != &*list.begin()) out += ',';
    append_item(item);
  }
  out += ']';
}

/// One JSON object: braces, commas and keys. The keys are ours and need no escape.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ~ObjectWriter() { out_ += '}'; }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  std::string& key(std::string_view name);
  template <typename T>
  void put(std::string_view name, const T& value) {
    append(key(name), value);
  }
  template <typename T>
  void put(std::string_view name, const std::optional<T>& value) {
    if (value) put(name, *value);
  }
  void put_unless_empty(std::string_view name, const std::string& value) {
    if (!value.empty()) put(name, std::string_view(value));
  }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace vpn_sentinel
