/// Notices that the desk makes of others: again, to others, of many, and those of rules that no state tells. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "hub/alert/desk_event.hpp"
#include "hub/alert/rule.hpp"

namespace vpn_sentinel {

/// Of a change of the history, of which no more than the state is known. `kind`: as in StoreReader::history().
[[nodiscard]] Notice past_notice(const DeskEvent& event, std::string_view kind);
/// Nobody has acknowledged what was told. `told`: the last message about it.
[[nodiscard]] Notice reminder_notice(const Notice& told, WallTime now);
/// The same, for those who are called when nobody came.
[[nodiscard]] Notice escalation_notice(const Notice& told, WallTime now);
/// Of several clients, of whom `first` is the first message. `clients`: at most Notice::most_clients; `more`: beyond them.
[[nodiscard]] Notice together_notice(const Notice& first, const std::vector<std::string>& clients, std::size_t more);
/// So much time in danger within one incident. `danger`: the message about that.
[[nodiscard]] Notice exposure_notice(const Notice& danger, std::chrono::seconds exposed);
/// The public address changed so often since `since`.
[[nodiscard]] Notice address_changes_notice(const AlertRule& rule, const DeskEvent& event, WallTime since, WallTime now);
/// The latency is far from the client's usual one, or as usual again. Milliseconds.
[[nodiscard]] Notice latency_notice(const std::string& client_id, const std::string& group, double now_ms, double usual_ms, bool holds,
                                    WallTime now);
/// DNS did not agree in `mismatches` of the last `of` reports, or does again.
[[nodiscard]] Notice dns_mismatch_notice(const std::string& client_id, const std::string& group, int mismatches, int of, bool holds,
                                         WallTime now);

}  // namespace vpn_sentinel
