/// JSON text written directly, where a library's tree of values would cost ten times as much: the hub does this for every report.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "netns/base/boxed_optional.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

/// A text that grows at its end, in large steps.
class JsonText {
 public:
  JsonText() : text_(usual, '\0') {}

  /// Room for `size` characters at the end; those that were written there are taken over with wrote().
  [[nodiscard]] char* room(std::size_t size) {
    if (text_.size() - size_ < size) text_.resize(2 * text_.size() + size);
    return text_.data() + size_;
  }
  void wrote(std::size_t size) { size_ += size; }
  JsonText& operator+=(std::string_view text) {
    if (!text.empty()) std::memcpy(room(text.size()), text.data(), text.size());
    wrote(text.size());
    return *this;
  }
  JsonText& operator+=(char c) {
    *room(1) = c;
    wrote(1);
    return *this;
  }
  /// Begins anew, with the memory that it has.
  void clear() { size_ = 0; }
  /// Until something is added.
  [[nodiscard]] std::string_view view() const { return std::string_view(text_).substr(0, size_); }
  [[nodiscard]] std::string take() && {
    text_.resize(size_);
    return std::move(text_);
  }

 private:
  static constexpr std::size_t usual = 2048;

  std::string text_;
  std::size_t size_ = 0;
};

/// Text that is not UTF-8 must not stop the writer: it gets replacement characters.
void append_json(JsonText& out, const nlohmann::json& value);

void append(JsonText& out, std::string_view text);
void append(JsonText& out, bool value);
/// What JSON has no number for becomes null.
void append(JsonText& out, double value);
void append(JsonText& out, WallTime time);
inline void append(JsonText& out, const std::string& text) { append(out, std::string_view(text)); }
inline void append(JsonText& out, std::integral auto value) {
  constexpr std::size_t longest = 20;  // of 64 bits
  char* const place = out.room(longest);
  out.wrote(static_cast<std::size_t>(std::to_chars(place, place + longest, value).ptr - place));
}

template <typename List, typename AppendItem>
void append_list(JsonText& out, const List& list, AppendItem append_item) {
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
  explicit ObjectWriter(JsonText& out) : out_(out) { out_ += '{'; }
  ~ObjectWriter() { out_ += '}'; }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  template <std::size_t Size>
  JsonText& key(const char (&name)[Size]) {
    constexpr std::size_t length = Size - 1;
    char* place = out_.room(length + 4);
    const std::size_t comma = first_ ? 0 : 1;
    *place = ',';
    place += comma;
    *place++ = '"';
    place = std::copy_n(name, length, place);
    *place++ = '"';
    *place = ':';
    out_.wrote(comma + length + 3);
    first_ = false;
    return out_;
  }
  template <std::size_t Size, typename T>
  void put(const char (&name)[Size], const T& value) {
    append(key(name), value);
  }
  template <std::size_t Size, typename T>
  void put(const char (&name)[Size], const std::optional<T>& value) {
    if (value) put(name, *value);
  }
  template <std::size_t Size, typename T>
  void put(const char (&name)[Size], const BoxedOptional<T>& value) {
    if (value) put(name, *value);
  }
  template <std::size_t Size>
  void put_unless_empty(const char (&name)[Size], const std::string& value) {
    if (!value.empty()) put(name, std::string_view(value));
  }

 private:
  JsonText& out_;
  bool first_ = true;
};

}  // namespace vpn_sentinel
