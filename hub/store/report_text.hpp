/// A report as JSON text, written directly: the same content as encode(), at a tenth of its time. The hub does this for every report.
#pragma once

#include <string>

#include "hub/store/json_writer.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string report_text(const Report& report);
void append(JsonText& out, const Report& report);
/// One finding, as it is written into a report.
void append(JsonText& out, const Finding& finding);

}  // namespace vpn_sentinel
