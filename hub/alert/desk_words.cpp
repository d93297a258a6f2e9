#include "hub/alert/desk_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "hub/alert/state_words.hpp"

namespace vpn_sentinel {
namespace {

using Kind = Notice::Kind;
using std::chrono::milliseconds;

StateWords words_of(const Notice& notice) { return words_of(notice.to.value_or(State::warning)); }

std::string_view of_many(const Notice& notice) {
  if (notice.to == State::offline) return "OFFLINE: the probes are silent, protection unknown";
  return words_of(notice).sentence;
}

std::string lasted(const Notice& told, WallTime now) {
  const auto length = std::chrono::duration_cast<milliseconds>(now - told.at);
  return human_duration(std::max(length, milliseconds{0}));
}

std::string what_of_many(const Notice& first) {
  switch (first.kind) {
    case Kind::connected:
      return "connected";
    case Kind::address_changed:
      return "have another public address";
    case Kind::leak:
      return "LEAK: packets have left outside the VPN";
    case Kind::news:
      return "have another finding";
    case Kind::reminder:
      return fmt::format("STILL {}, and nobody has acknowledged it", words_of(first).word);
    case Kind::back:
      return "are heard again";
    case Kind::latency:
      return first.to == State::secure ? "latency as usual" : "unusual latency";
    case Kind::address_flapping:
      return "change their public address again and again";
    default:
      return std::string(of_many(first));
  }
}

Notice about(Kind kind, const std::string& client_id, const std::string& group, bool holds, WallTime now) {
  Notice notice;
  notice.kind = kind;
  notice.client_id = client_id;
  notice.group = group;
  notice.from = holds ? State::secure : State::warning;
  notice.to = holds ? State::warning : State::secure;
  notice.at = notice.noticed = now;
  return notice;
}

void add_fact(Notice& notice, std::string label, std::string value) {
  Notice::Line line;
  line.label = std::move(label);
  line.value = std::move(value);
  notice.facts.push_back(std::move(line));
}

}  // namespace

Notice past_notice(const DeskEvent& event, std::string_view kind) {
  constexpr std::array kinds{Kind::protected_again, Kind::warning, Kind::contained, Kind::danger, Kind::offline};
  Notice notice;
  notice.kind = kinds.at(static_cast<std::size_t>(event.to));
  if (event.from == event.to) notice.kind = Kind::news;
  if (kind == "came_back") notice.kind = Kind::back;
  if (kind == "connected") notice.kind = Kind::connected;
  if (kind == "address_changed") notice.kind = Kind::address_changed;
  notice.client_id = event.subject;
  notice.group = event.group;
  notice.from = event.from;
  notice.to = event.to;
  notice.at = notice.noticed = event.at;
  notice.title = fmt::format("{} {}", words_of(notice).sign, of_many(notice));
  return notice;
}

Notice reminder_notice(const Notice& told, WallTime now) {
  auto notice = told;
  notice.kind = Kind::reminder;
  notice.title =
      fmt::format("{} STILL {} after {}: nobody has acknowledged it", words_of(told).sign, words_of(told).word, lasted(told, now));
  notice.noticed = now;
  return notice;
}

Notice escalation_notice(const Notice& told, WallTime now) {
  auto notice = told;
  notice.kind = Kind::escalation;
  notice.title =
      fmt::format("{} ESCALATED: {} for {}, and nobody has acknowledged it", words_of(told).sign, words_of(told).word, lasted(told, now));
  notice.noticed = now;
  return notice;
}

Notice together_notice(const Notice& first, const std::vector<std::string>& clients, std::size_t more) {
  Notice notice;
  notice.kind = Kind::together;
  notice.rule = first.rule;
  notice.group = first.group;
  notice.from = first.from;
  notice.to = first.to;
  notice.at = first.at;
  notice.noticed = first.noticed;
  notice.clients = clients;
  notice.more_clients = more;
  const auto of_group = first.group.empty() ? std::string() : fmt::format(" of the group {}", first.group);
  notice.title = fmt::format("{} {} clients{}: {}", words_of(first).sign, clients.size() + more, of_group, what_of_many(first));
  // What is so of the first one may be so of all: an outage has one reason.
  notice.reasons = first.reasons;
  notice.more_reasons = first.more_reasons;
  add_fact(notice, "First", fmt::format("{} ({})", first.client_id, utc_text(first.at)));
  return notice;
}

Notice exposure_notice(const Notice& danger, std::chrono::seconds exposed) {
  auto notice = danger;
  notice.kind = Kind::exposure;
  notice.title = fmt::format("🔴 EXPOSED for {}: traffic can leave outside the VPN", human_duration(exposed));
  return notice;
}

Notice address_changes_notice(const AlertRule& rule, const DeskEvent& event, WallTime since, WallTime now) {
  auto notice = about(Kind::address_flapping, event.subject, event.group, true, now);
  notice.from = event.from;
  notice.to = event.to;
  notice.title = fmt::format("🟡 WARNING: the public address changed {} times within {}", rule.count,
                             human_duration(std::chrono::duration_cast<milliseconds>(now - since)));
  notice.text =
      "A VPN that connects anew again and again, or a provider that shares addresses. The history of the client tells when; if it goes "
      "on, look into the log of the VPN program.";
  if (event.notice) notice.facts = event.notice->facts;
  return notice;
}

Notice latency_notice(const std::string& client_id, const std::string& group, double now_ms, double usual_ms, bool holds, WallTime now) {
  auto notice = about(Kind::latency, client_id, group, holds, now);
  notice.title = holds ? fmt::format("🟡 WARNING: latency {:.0f} ms, usually {:.0f} ms", now_ms, usual_ms)
                       : fmt::format("🟢 Latency as usual again: {:.0f} ms", now_ms);
  if (holds) {
    notice.text =
        "Far from what this client usually has: the VPN's server is busy or another one, or the way to it has changed. That by itself "
        "is no leak. If it stays, try another server.";
  }
  add_fact(notice, "Noticed at", utc_text(now));
  add_fact(notice, "Latency", fmt::format("{:.1f} ms", now_ms));
  add_fact(notice, "Usual", fmt::format("{:.1f} ms (median)", usual_ms));
  return notice;
}

Notice dns_mismatch_notice(const std::string& client_id, const std::string& group, int mismatches, int of, bool holds, WallTime now) {
  auto notice = about(Kind::dns_mismatch, client_id, group, holds, now);
  notice.title =
      holds ? fmt::format("🟡 WARNING: DNS did not go by the VPN in {} of {} reports", mismatches, of) : "🟢 DNS goes by the VPN again";
  if (holds) {
    notice.text =
        "Whoever answers names sees which sites are visited. The page of the client tells which resolver it was. Let programs ask one of "
        "the VPN.";
  }
  add_fact(notice, "Noticed at", utc_text(now));
  add_fact(notice, "Mismatches", fmt::format("{} of the last {} reports", mismatches, of));
  return notice;
}

}  // namespace vpn_sentinel
