/// `vpn-sentinel-probe enroll URL CODE`: fetches this probe's key from a hub and writes it into the settings file.
#pragma once

#include <string>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

struct EnrollWish {
  std::string url;  ///< of the hub, as VPN_SENTINEL_URL
  std::string code;
  std::string file;  ///< the settings file (TOML)
  std::string api_path = "/api/v1";
  std::string ca_file;  ///< PEM bundle; empty: the system's
};

struct Enrolled {
  std::string client_id;
  std::string group;  ///< empty: none
  std::string key;
};

/// The hub's answer to POST {api_path}/enrol. Pure. Everything in it is checked: it goes into a file that is read with a root's rights.
[[nodiscard]] Result<Enrolled> parse_enrolled(long status, const std::string& body);

/// `text` with the settings of an enrolled probe in the place of those of the same names; the rest, comments and tables stay. Pure.
/// Settings in [[target]] tables are not touched.
[[nodiscard]] std::string with_enrolled(const std::string& text, const std::string& url, const Enrolled& enrolled);

/// Asks, checks that the new settings can be read, and replaces the file (mode 0600) by one that is on the disk before it takes the name. 0
/// done, 1 the hub cannot be reached or refuses the code, 73 the file cannot be written. A code is used up by the hub's answer; the file is
/// made before the hub is asked, so that it is not lost in vain.
[[nodiscard]] int enroll_command(const EnrollWish& wish);

}  // namespace vpn_sentinel
