#pragma once

#include <string_view>

#include "netns/base/ip.hpp"

namespace vpn_sentinel::test {

inline IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

}  // namespace vpn_sentinel::test
