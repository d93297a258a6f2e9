#include "tests/bench/simulate/virtual_probe.hpp"

#include <fmt/format.h>

#include <iterator>

#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::minutes late_by{1};
/// A number that occurs nowhere else in a report; what stands for texts is in angle brackets.
constexpr std::uint64_t seq_mark = 987'654'321'123'456'789;
/// Placeholders for times must be times: to_rfc3339() of these two.
constexpr std::string_view time_mark = "2001-01-01T00:00:00.000000Z";
constexpr std::string_view now_mark = "2002-02-02T00:00:00.000000Z";

double draw(std::minstd_rand& random) {
  return static_cast<double>(random() - std::minstd_rand::min()) / static_cast<double>(std::minstd_rand::max());
}

Finding finding(std::string code, Severity severity, WallTime since) {
  return {std::move(code), severity, since, {{"tunnel", "wg0"}, {"device", "eth0"}}};
}

/// Every field that a probe with one WireGuard tunnel fills.
Report sample(Kind kind) {
  const auto time = parse_rfc3339(time_mark).value();
  Report report;
  report.client_id = "<c>";
  report.boot_id = "<b>";
  report.seq = seq_mark;
  report.timestamp = time;
  report.sent_at = parse_rfc3339(now_mark).value();
  report.client_version = VPN_SENTINEL_VERSION;
  report.lease_s = 30;
  report.path = "tunnel";
  report.trigger = kind == Kind::secure ? "interval" : "change";
  report.public_ip = "198.51.100.2";
  report.location = LocationReport{"RO", "Bucharest", "Bucuresti", "AS64500 Example", "Europe/Bucharest"};
  report.dns_location = "RO";
  report.dns_colo = "OTP";
  report.state = State::secure;
  if (kind == Kind::warning) report.findings = {finding("tunnel_stalled", Severity::warning, time)};
  if (kind == Kind::danger) {
    report.findings = {finding("tunnel_down", Severity::contained, time), finding("default_route_outside", Severity::danger, time)};
  }
  report.state = state_of(report.findings);
  report.tunnel = TunnelReport{"wg0", "wireguard", kind != Kind::danger, time, 734'112'385, 92'004'117, 12};
  report.exit = ExitReport{"198.51.100.2", std::nullopt, 64500, "RO", "cloudflare-trace"};
  report.dns = DnsReport{"no_leak", "EGRESS_IS_EXIT", {"198.51.100.2"}};
  // Whoever counts has begun to once: no mark.
  report.leak = LeakReport{true, {}, parse_rfc3339("2026-01-01T00:00:00Z").value(), 0, 0, 0, 0, 0, 0, 0, {}};
  if (kind == Kind::danger) {
    report.leak->packets = report.leak->bytes = seq_mark;
    report.leak->destinations = {{"203.0.113.53", "udp", 53, 1000, seq_mark, seq_mark}};
  }
  report.kill_switch = KillSwitchReport{"armed", "armed", {}, report.leak->since, 0};
  report.ruleset = RulesetReport{"holds", {}, {}};
  report.udp_exit = UdpExitReport{"198.51.100.2", {}};
  report.mtu = MtuReport{"ok"};
  report.latency_ms = 23.1;
  return report;
}

}  // namespace

const VirtualReport& VirtualProbe::next(const Mix& mix, std::minstd_rand& random, WallTime now) {
  if (waiting_) return current_;
  waiting_ = true;
  again_ = current_.seq > 0 && mix.duplicates > 0 && draw(random) < mix.duplicates;
  if (again_) return current_;
  if (held_back_) {
    current_ = *std::exchange(held_back_, std::nullopt);
    return current_;
  }
  if (mix.late > 0 && draw(random) < mix.late) held_back_ = make(mix, random, now - late_by);
  current_ = make(mix, random, now);
  return current_;
}

bool VirtualProbe::acknowledged() {
  waiting_ = false;
  return !again_;
}

VirtualReport VirtualProbe::make(const Mix& mix, std::minstd_rand& random, WallTime now) {
  if (mix.changes > 0 && draw(random) < mix.changes) in_danger_ = !in_danger_;
  auto kind = in_danger_ ? Kind::danger : Kind::secure;
  if (!in_danger_ && mix.findings > 0 && draw(random) < mix.findings) kind = Kind::warning;
  return {++newest_, now, kind};
}

RequestWriter::RequestWriter(std::string_view host, std::string_view target, std::string_view key) {
  head_ = fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n", target, host);
  if (!key.empty()) head_ += fmt::format("X-API-Key: {}\r\n", key);
  head_ += "Content-Length: ";
  for (const auto kind : {Kind::secure, Kind::warning, Kind::danger}) {
    bodies_.at(static_cast<std::size_t>(kind)) = cut(encode(sample(kind)).dump());
  }
}

std::vector<RequestWriter::Piece> RequestWriter::cut(std::string_view text) {
  const std::pair<std::string, char> marks[] = {
      {"<c>", 'c'}, {"<b>", 'b'}, {std::to_string(seq_mark), 's'}, {std::string(time_mark), 't'}, {std::string(now_mark), 'n'}};
  std::vector<Piece> pieces;
  while (true) {
    auto first = text.size();
    std::size_t length = 0;
    char field = 0;
    for (const auto& [mark, name] : marks) {
      const auto place = text.find(mark);
      if (place >= first) continue;
      first = place;
      length = mark.size();
      field = name;
    }
    pieces.push_back({std::string(text.substr(0, first)), field});
    if (field == 0) return pieces;
    text.remove_prefix(first + length);
  }
}

void RequestWriter::write(const VirtualProbe& probe, const VirtualReport& report, WallTime now, std::string& out) {
  const auto time = to_rfc3339(report.time);
  const auto sent_at = to_rfc3339(now);
  body_.clear();
  for (const auto& piece : bodies_.at(static_cast<std::size_t>(report.kind))) {
    body_ += piece.text;
    if (piece.field == 'c') body_ += probe.client_id();
    if (piece.field == 'b') body_ += probe.boot_id();
    if (piece.field == 's') fmt::format_to(std::back_inserter(body_), "{}", report.seq);
    if (piece.field == 't') body_ += time;
    if (piece.field == 'n') body_ += sent_at;
  }
  out += head_;
  fmt::format_to(std::back_inserter(out), "{}\r\n\r\n", body_.size());
  out += body_;
}

}  // namespace vpn_sentinel
