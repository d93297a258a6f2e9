/// The layer "dns" of check: which resolvers programs use, by which way, and from where the Internet is really asked. Pure.
#pragma once

#include <string>

#include "probe/verdict/observation.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string print_dns(const Observation& seen);

}  // namespace vpn_sentinel
