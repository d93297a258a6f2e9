/// {"reports":[…]} -> the text of each report, so that one that is malformed spoils only itself. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "hub/ingest/admission.hpp"

namespace vpn_sentinel {

inline constexpr std::size_t max_batch_bytes = std::size_t{1024} * 1024;
inline constexpr std::size_t max_batch_reports = 256;

/// Views into `body`, in its order; at least one. What stands between the commas is not looked at further than strings and brackets need:
/// that is admit()'s business. Other members of the object are skipped.
[[nodiscard]] tl::expected<std::vector<std::string_view>, Rejection> split_batch(std::string_view body);

/// False: it is no batch, or each of its reports says that it came because of the time only ("trigger":"interval").
[[nodiscard]] bool tells_changes(std::string_view body);

}  // namespace vpn_sentinel
