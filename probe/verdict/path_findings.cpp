#include "probe/verdict/path_findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vpn_sentinel {
namespace {

using nlohmann::json;

class PathJudge {
 public:
  explicit PathJudge(const Observation& seen) : seen_(seen) {}

  std::vector<Finding> run() {
    if (seen_.udp) judge_udp(*seen_.udp);
    if (seen_.large_packets) judge_large_packets(*seen_.large_packets);
    if (seen_.latency_drop) judge_latency(*seen_.latency_drop);
    return std::move(findings_);
  }

 private:
  void add(std::string_view code, json evidence, std::optional<Severity> severity = std::nullopt) {
    findings_.push_back(Finding{std::string(code), severity.value_or(find_text(code)->severity), seen_.time, std::move(evidence)});
  }

  void judge_udp(const UdpView& udp) {
    for (const auto family : {Family::v4, Family::v6}) {
      const auto& answer = udp.of(family);
      if (!answer.asked || !answer.current) continue;
      if (answer.address) {
        judge_udp_address(*answer.address, family, answer.server);
      } else {
        tell_unverifiable(family, answer.error);
      }
    }
  }

  void tell_unverifiable(Family family, const std::string& error) {
    const auto told = std::ranges::find(findings_, "udp_unverifiable", &Finding::code);
    if (told == findings_.end()) add("udp_unverifiable", json::object());
    findings_.back().evidence[family == Family::v4 ? "v4" : "v6"] = error;
  }

  void judge_udp_address(const IpAddress& udp, Family family, const std::string& server) {
    if (seen_.exit_rules.expects_address(udp)) return;
    json evidence{{"udp_exit", udp.to_string()}, {"server", server}};
    const auto& web = seen_.exit ? seen_.exit->address(family) : std::optional<IpAddress>{};
    if (web) evidence["exit"] = web->to_string();
    const auto beside = web ? fmt::format(", while web traffic leaves by {}", web->to_string()) : std::string{};
    const bool web_is_awaited = !web && seen_.exit_pending && !seen_.exit_pending->overdue;
    if (is_uplink(udp)) {
      // A tunnel that ends in the uplink's own network would look the same until web traffic is known, too.
      if (web_is_awaited || (web && is_same_line(*web, udp))) return;
      evidence["uplink"] = udp.to_string();
      evidence["why"] = fmt::format("{} saw UDP come from {}, your own line without the VPN{}", server, udp.to_string(), beside);
      return tell_udp(std::move(evidence), Severity::danger);
    }
    if (!web || is_same_exit(*web, udp)) return;
    evidence["why"] = fmt::format("{} saw UDP come from {}{}", server, udp.to_string(), beside);
    tell_udp(std::move(evidence), Severity::warning);
  }

  [[nodiscard]] bool is_uplink(const IpAddress& udp) const {
    if (!seen_.uplink.tunnel_of(udp.family()).empty() || seen_.uplink_by_target) return false;
    return std::ranges::any_of(seen_.uplink.addresses, [&](const IpAddress& uplink) { return is_same_line(uplink, udp); });
  }

  /// One finding of both families: the worse one.
  void tell_udp(json evidence, Severity severity) {
    const auto told = std::ranges::find(findings_, "udp_exit_outside", &Finding::code);
    if (told == findings_.end()) return add("udp_exit_outside", std::move(evidence), severity);
    if (severity > told->severity) *told = Finding{told->code, severity, told->since, std::move(evidence)};
  }

  void judge_large_packets(const LargePacketsView& large) {
    using Lost = LargePacketsView::Lost;
    if (large.lost != Lost::requests && large.lost != Lost::answers) return;
    const bool requests = large.lost == Lost::requests;
    const auto why =
        requests ? fmt::format("{} answers a small request and does not get one of several packets, however often it is sent", large.host)
                 : fmt::format("{} and another service take connections, and their certificates, which need several packets, never arrive",
                               large.host);
    add("mtu_blackhole", json{{"lost", requests ? "large requests" : "large answers"}, {"host", large.host}, {"why", why}});
  }

  /// Only round trips that are measured at the same time are a sign; against the past a nearer VPN server explains it as well.
  void judge_latency(const LatencyDropView& drop) {
    const auto rounded = [](double ms) { return std::round(ms * 10) / 10; };
    json evidence{{"path_ms", rounded(drop.path_ms)}, {drop.beside_tunnel ? "tunnel_ms" : "before_ms", rounded(drop.reference_ms)}};
    add(drop.beside_tunnel ? "latency_dropped" : "latency_changed", std::move(evidence));
  }

  const Observation& seen_;
  std::vector<Finding> findings_;
};

}  // namespace

bool udp_went_unanswered(const Finding& finding, const Observation& seen) {
  if (finding.code != "udp_exit_outside" || !seen.tunnel || !seen.tunnel->up || !seen.udp) return false;
  const auto text = finding.evidence.find("udp_exit");
  const auto known =
      text != finding.evidence.end() && text->is_string() ? IpAddress::parse(text->get<std::string>()) : Result<IpAddress>(fail(Error{}));
  if (!known) return false;
  const auto& answer = seen.udp->of(known->family());
  if (!answer.asked) return false;
  // What is compared must be known again, too: the address of web traffic, and of the uplink for what was told as it.
  const bool web_is_awaited = seen.exit_pending && !seen.exit_pending->overdue;
  const bool uplink_is_unknown = finding.severity >= Severity::danger && seen.uplink.addresses.empty();
  return !answer.current || !answer.address || web_is_awaited || (uplink_is_unknown && *answer.address == *known);
}

std::vector<Finding> judge_path(const Observation& seen) { return PathJudge(seen).run(); }

}  // namespace vpn_sentinel
