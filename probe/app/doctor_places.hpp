/// Where the doctor stands: what is a line of a unit on a host is a flag of an engine in a container, and a field of a pod in Kubernetes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "probe/app/doctor.hpp"

namespace vpn_sentinel {

enum class DoctorPlace : std::uint8_t { host, container, kubernetes };

/// From the process's environment (Kubernetes sets KUBERNETES_SERVICE_HOST, Podman `container`) and from files that engines leave in a
/// container (/.dockerenv, /run/.containerenv). A machine of systemd-nspawn is a host: it has units. Pure but for `exists`.
[[nodiscard]] DoctorPlace place_of(const std::map<std::string, std::string>& environment,
                                   const std::function<bool(const std::string& path)>& exists);

/// Puts what helps at `place` for what helps a unit. Lines without a remedy stay so. Pure.
void fit_remedies(std::vector<DoctorLine>& lines, DoctorPlace place);

}  // namespace vpn_sentinel
