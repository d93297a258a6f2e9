#include <fmt/format.h>
#include <linux/capability.h>

#include <array>
#include <optional>

#include "netns/base/capabilities.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/doctor_running.hpp"

namespace vpn_sentinel {
namespace {

using Status = DoctorLine::Status;

struct Capability {
  unsigned number;  ///< linux/capability.h
  DoctorTopic topic;
  bool for_foreign_only = false;  ///< a probe that lives in the watched namespace does not need it
  bool unused = false;            ///< by this version
  bool for_tracer_only = false;
};

constexpr std::array<Capability, 9> capabilities{{
    {CAP_SYS_ADMIN,
     {"CAP_SYS_ADMIN", "entering the watched namespaces (setns), only while sockets are opened there",
      "only the probe's own namespace can be watched", "", true},
     true},
    {CAP_SYS_PTRACE,
     {"CAP_SYS_PTRACE", "targets named by pid:, the program behind a tun, and its WireGuard control socket",
      "no handshake age and no learnt server for tunnels that a program runs", ""}},
    {CAP_DAC_READ_SEARCH,
     {"CAP_DAC_READ_SEARCH", "the open files of other users' programs: which of them holds the tun",
      "no handshake age and no learnt server for tunnels that a program runs", ""}},
    {CAP_DAC_OVERRIDE,
     {"CAP_DAC_OVERRIDE",
      "connecting to sockets of other users: the control socket of a WireGuard program, and a container engine's (connect(2))",
      "no handshake age of WireGuard that another user's program runs; engines answer only members of their group", ""}},
    {CAP_NET_ADMIN,
     {"CAP_NET_ADMIN",
      "counting what leaves outside the tunnel, the kill switch, the audit of firewall rules, ending of leaking connections, "
      "large netlink buffers, and the kernel's WireGuard handshakes",
      "leaks are judged by routes only, and nothing can be held back; more reading again after bursts of changes; no handshake age of "
      "kernel "
      "WireGuard",
      ""}},
    {CAP_NET_RAW, {"CAP_NET_RAW", "", "", ""}, false, true},
    {CAP_BPF,
     {"CAP_BPF", "naming the program that leaks by eBPF, whatever it sends and however short it lives",
      "sock_diag names programs: not those of UDP that is sent without connect(2), of ICMP, and of what is short-lived", ""},
     false,
     false,
     true},
    {CAP_PERFMON,
     {"CAP_PERFMON", "the names of programs in eBPF, and who has sockets that are older than the probe",
      "eBPF tells processes by number only", ""},
     false,
     false,
     true},
    {CAP_NET_BROADCAST, {"CAP_NET_BROADCAST", "", "", ""}, false, true},
}};

std::string remedy_for(std::string_view name, bool in_bounding_set) {
  if (in_bounding_set) return fmt::format("AmbientCapabilities={} in the unit, or run as root", name);
  return fmt::format("AmbientCapabilities={0} and CapabilityBoundingSet={0} in the unit", name);
}

/// What the doctor has and the probe does not.
std::string lack_of(const RunningProbe& running, const Capability& capability, bool in_bounding_set) {
  const bool may_be_given_up = in_bounding_set && (capability.for_foreign_only || capability.for_tracer_only);
  return fmt::format("the running probe (pid {}) lacks it: {}", running.pid,
                     may_be_given_up   ? "not given, or given up because its settings had no use for it when it started"
                     : in_bounding_set ? "not permitted, but in the bounding set"
                                       : "not in the bounding set");
}

}  // namespace

std::vector<DoctorLine> capability_lines(std::string_view status, bool foreign, bool traced, const RunningProbe* running) {
  const auto effective = capability_mask(status, "CapEff");
  const auto bounding = capability_mask(status, "CapBnd");
  std::vector<DoctorLine> lines;
  for (const auto& capability : capabilities) {
    const bool needed = (foreign || !capability.for_foreign_only) && (traced || !capability.for_tracer_only);
    auto line = doctor_line("capabilities", capability.topic, Status::could_not_look, "/proc/self/status does not tell");
    line.required = line.required && needed;
    if (effective && bounding) {
      const auto bit = capability_bit(capability.number);
      const bool lacks = running != nullptr && (*effective & bit) != 0 && (rights_of(*running) & bit) == 0;
      const bool has = (*effective & bit) != 0 && !lacks;
      const bool may = ((lacks ? capability_mask(running->status, "CapBnd").value_or(0) : *bounding) & bit) != 0;
      line.status = has ? Status::ok : needed ? Status::missing : Status::not_needed;
      line.detail = has     ? "effective"
                    : lacks ? lack_of(*running, capability, may)
                    : may   ? "not effective, but in the bounding set"
                            : "not in the bounding set";
      line.remedy = remedy_for(line.name, may);
    }
    lines.push_back(capability.unused ? not_used_yet(std::move(line)) : std::move(line));
  }
  return lines;
}

}  // namespace vpn_sentinel
