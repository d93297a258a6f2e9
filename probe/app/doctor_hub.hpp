/// What the doctor asks of a hub, and what the answer means: is it there, does it take our key, and do the clocks agree. Nothing is stored
/// by the question. Everything here is pure but for hub_lines().
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netns/base/clock.hpp"
#include "netns/clients/http_client.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/doctor_places.hpp"

namespace vpn_sentinel {

/// What stands between the probe and its hub.
enum class HubTrouble : std::uint8_t {
  none,         ///< it is a hub, and takes the key
  name,         ///< its name has no address here
  refused,      ///< nobody listens there
  silent,       ///< no connection, or no answer
  tls,          ///< the certificate, or who may come
  no_key,       ///< 401
  wrong_key,    ///< 403
  address,      ///< 403 whatever the key is
  wrong_path,   ///< 404, 405
  rate_limit,   ///< 429
  in_trouble,   ///< 5xx
  no_hub,       ///< something else answers there
  bad_setting,  ///< not a URL
};

/// The question. Of schema 2 a batch without reports, which passes every gate of a report and is then refused; of schema 1 the status page,
/// because the Python original takes whatever comes as a report.
[[nodiscard]] HttpRequest hub_question(const HubAddress& hub, const std::string& url);

struct HubVerdict {
  HubTrouble trouble = HubTrouble::none;
  std::string detail;  ///< in the hub's words where it said something
};
/// `progress`: how far the request came.
[[nodiscard]] HubVerdict judge_hub(const Result<HttpResponse>& answer, const HttpProgress& progress, int schema);

/// What helps, at `place`.
[[nodiscard]] std::string_view hub_remedy(HubTrouble trouble, DoctorPlace place);

/// An answer's Date (RFC 9110 5.6.7, IMF-fixdate; the older forms are not read) beside our clock when the question left and when the answer
/// was here.
struct ClockSample {
  std::string date;
  WallTime asked;
  WallTime answered;
};
/// How far our clock is behind the hub's, at least; 0 where both may be the same. nullopt: not a date.
[[nodiscard]] std::optional<std::chrono::seconds> clock_behind(const ClockSample& sample);
/// `sample`: nullopt when no hub has told its time.
[[nodiscard]] DoctorLine clock_line(const std::optional<ClockSample>& sample, DoctorPlace place);

/// Asks each hub of `config` by the ways that its reports may take, the uplink first, until one answers by one of them. Blocks, for some
/// seconds where nobody answers. `spaces`: one for each target, as of open_target.
[[nodiscard]] std::vector<DoctorLine> hub_lines(const ProbeConfig& config, const std::vector<Result<NetNamespace>>& spaces,
                                                DoctorPlace place);

}  // namespace vpn_sentinel
