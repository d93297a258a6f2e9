/// An optional value that lives on the heap: for members that are seldom there and large, so that whoever has none pays a pointer for it.
#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace vpn_sentinel {

/// Used as a std::optional<T> (of which it has what is needed here), copied with its value. As with a plain pointer, `*` and `->` need a
/// value.
template <typename T>
class BoxedOptional {
 public:
  BoxedOptional() = default;
  BoxedOptional(std::nullopt_t) noexcept {}                                                    // NOLINT(*-explicit-*): as std::optional
  BoxedOptional(T value) : value_(std::make_unique<T>(std::move(value))) {}                    // NOLINT(*-explicit-*): as std::optional
  BoxedOptional(std::optional<T> value) : value_(value ? box(*std::move(value)) : nullptr) {}  // NOLINT(*-explicit-*): the same thing
  BoxedOptional(const BoxedOptional& other) : value_(other ? box(*other) : nullptr) {}
  BoxedOptional(BoxedOptional&&) noexcept = default;
  BoxedOptional& operator=(const BoxedOptional& other) {
    if (this != &other) value_ = other ? box(*other) : nullptr;
    return *this;
  }
  BoxedOptional& operator=(BoxedOptional&&) noexcept = default;
  ~BoxedOptional() = default;

  [[nodiscard]] bool has_value() const noexcept { return value_ != nullptr; }
  explicit operator bool() const noexcept { return has_value(); }
  /// Throws std::bad_optional_access without a value.
  [[nodiscard]] const T& value() const {
    if (!value_) throw std::bad_optional_access();
    return *value_;
  }
  T& operator*() noexcept { return *value_; }
  const T& operator*() const noexcept { return *value_; }
  T* operator->() noexcept { return value_.get(); }
  const T* operator->() const noexcept { return value_.get(); }
  /// In place of the value that there was.
  template <typename... Arguments>
  T& emplace(Arguments&&... arguments) {
    value_ = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    return *value_;
  }
  void reset() noexcept { value_.reset(); }

  friend bool operator==(const BoxedOptional& a, const BoxedOptional& b) {
    return a.value_ && b.value_ ? *a == *b : !a.value_ == !b.value_;
  }

 private:
  template <typename Value>
  static std::unique_ptr<T> box(Value&& value) {
    return std::make_unique<T>(std::forward<Value>(value));
  }

  std::unique_ptr<T> value_;
};

}  // namespace vpn_sentinel
