#include "hub/http/gzip.hpp"

#include <algorithm>
#include <optional>

#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto start = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(start);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

/// The part before `mark`; the rest stays in `text`.
std::string_view cut(std::string_view& text, char mark) {
  const auto end = std::min(text.find(mark), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

/// "q=0", "q=0.000": not wanted.
bool is_refused(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto parameter = cut(parameters, ';');
    if (parameter.size() < 3 || !equal_ignoring_case(parameter.substr(0, 2), "q=")) continue;
    return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
  }
  return false;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> any;
  while (!accept_encoding.empty()) {
    auto coding = cut(accept_encoding, ',');
    const auto name = cut(coding, ';');
    if (equal_ignoring_case(name, "gzip") || equal_ignoring_case(name, "x-gzip")) return !is_refused(coding);
    if (name == "*") any = !is_refused(coding);
  }
  return any.value_or(false);
}

}  // namespace vpn_sentinel
