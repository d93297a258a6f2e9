/// What the tests of the decoders compare with.
#pragma once

#include <string_view>

#include "netns/base/ip.hpp"
#include "netns/base/result.hpp"

namespace vpn_sentinel::test {

inline IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
inline IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value(); }

template <typename Value>
bool is_invalid(const Result<Value>& result) {
  return !result && result.error().kind == Error::Kind::invalid;
}

}  // namespace vpn_sentinel::test
