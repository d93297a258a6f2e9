#include "probe/app/doctor_places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace vpn_sentinel {
namespace {

struct PlaceRemedy {
  std::string_view name;  ///< of the line
  std::string_view container;
  std::string_view kubernetes;
};

constexpr std::array place_remedies{
    PlaceRemedy{"data folder", "a volume: -v vpn-sentinel:/var/lib/vpn-sentinel", "a volumeMount at /var/lib/vpn-sentinel"},
    PlaceRemedy{"open files", "--ulimit nofile=16384:16384", "a higher LimitNOFILE= of the node's container runtime"},
    PlaceRemedy{"CA bundle", "VPN_SENTINEL_CA_FILE with a bundle that is mounted", "VPN_SENTINEL_CA_FILE with a bundle from a ConfigMap"},
    PlaceRemedy{"container engine",
                "-v /run/docker.sock:/run/docker.sock (who reaches it is root on the host), or --pid=host and the container's id",
                "hostPID: true, and the container's id"},
    PlaceRemedy{"route look-up", "--security-opt seccomp=FILE with a profile that allows AF_NETLINK sockets",
                "a seccompProfile that allows AF_NETLINK sockets"},
    PlaceRemedy{"entering", "--network container:NAME, to share the namespace; or --pid=host --cap-add SYS_ADMIN --cap-add SYS_PTRACE",
                "a sidecar in the VPN's pod; or hostPID: true and capabilities: {add: [SYS_ADMIN, SYS_PTRACE]}"},
    PlaceRemedy{"tunnel's program", "--pid container:NAME --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH, or VPN_SENTINEL_ENDPOINT",
                "shareProcessNamespace: true and capabilities: {add: [SYS_PTRACE, DAC_READ_SEARCH]}, or VPN_SENTINEL_ENDPOINT"},
    PlaceRemedy{"resolv.conf",
                "--network container:NAME, whose resolv.conf the engine gives the probe, too; or --pid container:NAME --cap-add SYS_PTRACE",
                "a sidecar in the VPN's pod, which has the pod's dnsPolicy; or shareProcessNamespace: true and SYS_PTRACE"},
    PlaceRemedy{"WireGuard state",
                "--cap-add NET_ADMIN (kernel), or --pid container:NAME with SYS_PTRACE, DAC_READ_SEARCH and DAC_OVERRIDE (programs)",
                "capabilities: {add: [NET_ADMIN]} (kernel), or shareProcessNamespace: true with SYS_PTRACE, DAC_READ_SEARCH and "
                "DAC_OVERRIDE (programs)"},
    PlaceRemedy{
        "BPF",
        "--cap-add BPF --cap-add PERFMON --cap-add NET_ADMIN, and --security-opt seccomp=FILE that allows bpf (Docker's own profile does "
        "with CAP_BPF)",
        "capabilities: {add: [BPF, PERFMON, NET_ADMIN]}, and a seccompProfile that allows bpf"},
    PlaceRemedy{"cgroup2", "--cgroupns host -v /sys/fs/cgroup:/sys/fs/cgroup:ro", "a hostPath volume at /sys/fs/cgroup"},
};

/// Engines give added capabilities to root only.
std::string capability_remedy(std::string_view name, DoctorPlace place) {
  const auto short_name = name.substr(std::string_view("CAP_").size());
  if (place == DoctorPlace::kubernetes) return fmt::format("securityContext: {{runAsUser: 0, capabilities: {{add: [{}]}}}}", short_name);
  return fmt::format("--cap-add {0}, in Compose cap_add: [{0}]; with user 0", short_name);
}

/// What only the machine's own root can do.
bool is_for_the_host(std::string_view remedy) { return remedy.starts_with("modprobe ") || remedy.starts_with("sysctl "); }

std::string remedy_at(const DoctorLine& line, DoctorPlace place) {
  if (line.group == "capabilities") return capability_remedy(line.name, place);
  const auto found = std::ranges::find(place_remedies, line.name, &PlaceRemedy::name);
  if (found != place_remedies.end()) return std::string(place == DoctorPlace::kubernetes ? found->kubernetes : found->container);
  return is_for_the_host(line.remedy) ? (place == DoctorPlace::kubernetes ? "on the node: " : "on the host: ") + line.remedy : line.remedy;
}

}  // namespace

DoctorPlace place_of(const std::map<std::string, std::string>& environment, const std::function<bool(const std::string& path)>& exists) {
  if (environment.contains("KUBERNETES_SERVICE_HOST")) return DoctorPlace::kubernetes;
  const auto named = environment.find("container");
  const bool by_engine = named != environment.end() && (named->second == "podman" || named->second == "docker" || named->second == "oci");
  return by_engine || exists("/.dockerenv") || exists("/run/.containerenv") ? DoctorPlace::container : DoctorPlace::host;
}

void fit_remedies(std::vector<DoctorLine>& lines, DoctorPlace place) {
  if (place == DoctorPlace::host) return;
  for (auto& line : lines) {
    if (!line.remedy.empty()) line.remedy = remedy_at(line, place);
  }
}

}  // namespace vpn_sentinel
