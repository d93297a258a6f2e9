/// For `return`: why something is not taken.
#pragma once

#include <string>
#include <utility>

#include "hub/ingest/admission.hpp"

namespace vpn_sentinel {

[[nodiscard]] inline tl::unexpected<Rejection> reject(int status, std::string error, std::string message = {}) {
  return tl::unexpected<Rejection>(Rejection{status, std::move(error), std::move(message)});
}

}  // namespace vpn_sentinel
