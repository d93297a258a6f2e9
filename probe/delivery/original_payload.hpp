/// What the Python original's client sends (schema 1), so that the probe can report to its server. Pure.
///
/// The original's traffic light knows an address and two countries. So that it never shows a better light than the probe's own:
///   danger, contained  the address is "Unknown": red. Contained has no other colour there.
///   warning            dns_test is "Unknown": yellow.
///   secure             the verified exit address; dns_test is the exit's country only when port 53 left by that very address.
#pragma once

#include <string>
#include <string_view>

#include "netns/base/clock.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {

/// The body of POST {prefix}/keepalive with the original's keys, order and spaces. `now` stands in for a report without a time.
[[nodiscard]] std::string original_payload(const Report& report, WallTime now);

/// A text that the original's validation takes (ASCII letters, digits, space and . , ' " -; 1 to 100): runs of other characters become '-',
/// and what is empty "Unknown".
[[nodiscard]] std::string original_text(std::string_view text);
/// The same for time zones: '/' and '_' are allowed too.
[[nodiscard]] std::string original_timezone(std::string_view text);

/// Whether the original would be told a lie by this report: shortly after a start or a change the exit address is not verified yet, and
/// without one its light is red. The next keepalive says how it is.
[[nodiscard]] bool is_too_early_for_original(const Report& report);

}  // namespace vpn_sentinel
