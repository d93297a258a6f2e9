/// The JSON body of a request that changes accounts, read strictly: each field checked as it is read, what nobody knows is wrong. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/http/server.hpp"

namespace vpn_sentinel {

/// Of a name of a user, in bytes.
inline constexpr std::size_t longest_user = 64;

/// After the first thing that is wrong the readers give empty values; the caller asks refusal() once, at the end.
class AccountBody {
 public:
  static constexpr std::size_t most_bytes = 16 * 1024;

  /// 415 without `Content-Type: application/json`: a form of another site's page cannot send that without being asked about it first.
  /// `known`: fields that may occur, each once. An empty body is an empty object.
  AccountBody(const Request& request, std::initializer_list<std::string_view> known);

  /// Of `least` to `most` bytes, without control characters; it must be there.
  [[nodiscard]] std::string text(const char* name, std::size_t least, std::size_t most);
  /// As text(), also with line breaks and tabs.
  [[nodiscard]] std::string lines(const char* name, std::size_t least, std::size_t most);
  /// Absent: nullopt.
  [[nodiscard]] std::optional<std::string> optional_text(const char* name, std::size_t least, std::size_t most);
  /// Absent: false.
  [[nodiscard]] bool flag(const char* name);
  [[nodiscard]] std::optional<std::int64_t> number(const char* name, std::int64_t least, std::int64_t most);
  /// At most `most` texts; it must be there.
  [[nodiscard]] std::vector<std::string> texts(const char* name, std::size_t most);

  /// 400: "name: expected …".
  void refuse(std::string_view name, std::string_view expected);
  [[nodiscard]] const std::optional<Response>& refusal() const noexcept { return refusal_; }

 private:
  [[nodiscard]] const nlohmann::json* find(const char* name) const;
  void parse(std::string_view body, std::initializer_list<std::string_view> known);

  nlohmann::json object_ = nlohmann::json::object();
  std::optional<Response> refusal_;
};

}  // namespace vpn_sentinel
