/// POST {prefix}/events: a probe's outbox, many reports in one request.
#pragma once

#include <optional>
#include <string>

#include "hub/engine/engine.hpp"
#include "hub/http/server.hpp"
#include "hub/ingest/batch.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string events_path(const std::string& prefix);

/// 415 for a body that is packed (Content-Encoding): reports come as they are.
[[nodiscard]] std::optional<Response> refuse_packed(const Request& request);

/// admit(), and then 403 when the caller's key may not report for that client, or for its group (by the same list of names).
[[nodiscard]] tl::expected<Admitted, Rejection> admit_for(const Caller& caller, std::string_view body, const std::string& source,
                                                          WallTime now);

/// Each report is judged by itself; the answer comes when what becomes of all of them is known, 200 with one result per report in their
/// order. When none could be stored: 503 with Retry-After. Once one is not taken because too many wait, neither are those behind it, so
/// that they stay in order.
void take_events(Engine& engine, const Request& request, const Respond& respond);

}  // namespace vpn_sentinel
