/// vpn-sentinel-hub report: a month of the database, beside a hub that runs, or without one.
#pragma once

#include <string>

namespace vpn_sentinel {

struct ReportWish {
  std::string month;         ///< "2026-10"; empty: the last whole month
  std::string zone = "UTC";  ///< of the IANA database
  bool html = false;
  bool json = false;
};

/// Prints the report to standard output. Returns 0; throws FatalError: 64 no such month or zone, 66 the database cannot be read.
int report_command(const std::string& data_dir, const ReportWish& wish);

}  // namespace vpn_sentinel
