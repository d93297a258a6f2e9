#include <algorithm>

#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_client_id = 100;

constexpr std::size_t longest_group = 64;

constexpr std::size_t longest_tag = 32;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_name(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest &&
         std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace

std::string sanitize_client_id(std::string_view text) {
  std::string id;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const char kept = is_alphanumeric(lower) ? lower : '-';
    if (kept == '-' && (id.empty() || id.back() == '-')) continue;
    if (id.size() == longest_client_id) break;
    id += kept;
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  return is_valid_client_id(id) ? id : "sanitized-client";  // empty, or "unknown", which no hub takes
}

bool is_valid_client_id(std::string_view text) { return is_name(text, longest_client_id) && text != "unknown"; }

bool is_valid_group(std::string_view text) { return is_name(text, longest_group); }

bool is_valid_tag(std::string_view text) { return is_name(text, longest_tag); }

}  // namespace vpn_sentinel
