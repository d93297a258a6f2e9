#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "netns/namespace/net_namespace.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/doctor.hpp"

namespace vpn_sentinel {
namespace {

std::string own_status() {
  std::ifstream file("/proc/self/status");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// What cannot be opened may be a foreign namespace: only a target that certainly is the probe's own needs nothing for entering.
bool is_foreign(const TargetPolicy& target) {
  const auto space = NetNamespace::open(target.netns);
  return !space || !space->is_own();
}

std::vector<DoctorLine> examine(const ProbeConfig& config) {
  auto lines = capability_lines(own_status(), std::ranges::any_of(config.targets, is_foreign));
  const auto add = [&](std::vector<DoctorLine> more) { std::ranges::move(more, std::back_inserter(lines)); };
  const auto own = NetNamespace::open(NamespaceRef{});
  if (own) {
    add(kernel_lines(own->opener()));
    add(nftables_lines(own->opener()));
  } else {
    add({doctor_line("kernel", {"own namespace", "asking the kernel", "nothing can be told", "", true}, status_of(own.error()),
                     own.error().message)});
  }
  add(bpf_lines());
  add(file_lines(config));
  for (const auto& target : config.targets) add(target_lines(target));
  return lines;
}

}  // namespace

int doctor_command(const ProbeConfig& config, bool json) {
  const auto lines = examine(config);
  if (json) {
    fmt::print("{}\n", doctor_json(lines).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", print_doctor(lines, style_of_stdout()));
  }
  return doctor_exit_code(lines);
}

}  // namespace vpn_sentinel
