/// What the hub takes at most, kept where a report is made: one that is refused would be a danger that nobody hears of, and whoever may add
/// rules or names could make it so. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>

#include "probe/report/report.hpp"

namespace vpn_sentinel {

/// Bytes of one finding's evidence as JSON in ASCII.
inline constexpr std::size_t most_evidence = 4096;
inline constexpr std::size_t most_findings = 100;
/// Addresses in `egress`, and resolvers.
inline constexpr std::size_t most_dns_entries = 64;
inline constexpr std::size_t most_leak_destinations = 20;
inline constexpr std::size_t most_listen_entries = 16;
inline constexpr std::size_t most_listed_peers = 20;

/// Bytes of a text that others worded.
inline constexpr std::size_t most_words = 200;

/// Control characters become '?', and no more than most_words stay.
void bound_words(std::string& text);

/// `evidence`, when it has at most `most` bytes. Otherwise with "cut": true, its longest lists and texts shortened from their ends until it
/// fits, and at last without its largest members. What is no object then becomes {"cut": true}. `most`: at least 16.
[[nodiscard]] nlohmann::json bound_evidence(nlohmann::json evidence, std::size_t most = most_evidence);

/// Shortens whatever of `report` the hub would refuse: evidence (of all findings together no more than half of what a request may have),
/// findings (the least severe go), addresses of DNS, destinations outside, clients of a server, texts that others chose.
void bound_report(Report& report);

}  // namespace vpn_sentinel
