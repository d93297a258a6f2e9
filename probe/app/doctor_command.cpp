#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "netns/base/capabilities.hpp"
#include "netns/daemon/settings.hpp"
#include "netns/namespace/net_namespace.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/doctor.hpp"
#include "probe/app/doctor_hub.hpp"
#include "probe/app/doctor_places.hpp"
#include "probe/app/doctor_running.hpp"
#include "probe/app/output.hpp"
#include "probe/app/target_names.hpp"

namespace vpn_sentinel {
namespace {

std::string own_status() {
  std::ifstream file("/proc/self/status");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// What cannot be opened may be a foreign namespace: only a target that certainly is the probe's own needs nothing for entering.
bool is_foreign(const Result<NetNamespace>& space) { return !space || !space->is_own(); }

bool has_match(const TargetPolicy& pattern) {
  return std::ranges::any_of(namespace_names(), [&](const std::string& name) { return pattern.netns.matches(name); });
}

/// `config` with the namespaces that patterns stand for now; of the others each has a line in `lines`.
ProbeConfig with_namespaces_of_patterns(ProbeConfig config, std::vector<DoctorLine>& lines) {
  for (const auto& target : config.targets) {
    if (target.netns.is_pattern() && !has_match(target)) lines.push_back(unmatched_line(target));
  }
  config.targets = expand_patterns(config.targets);
  return config;
}

std::vector<DoctorLine> examine(const ProbeConfig& given, bool ask_hub, const std::string& status, const RunningProbe* running) {
  const auto place = place_of(read_environment(), [](const std::string& path) { return std::filesystem::exists(path); });
  std::vector<DoctorLine> unmatched;
  const auto config = with_namespaces_of_patterns(given, unmatched);
  std::vector<Result<NetNamespace>> spaces;
  std::ranges::transform(config.targets, std::back_inserter(spaces), open_target);
  // The namespaces of a pattern are foreign ones whenever they come.
  // What is wanted of a pattern's namespaces is wanted also while there are none.
  const auto wishes = wishes_of(given.targets);
  auto lines = capability_lines(status, !unmatched.empty() || std::ranges::any_of(spaces, is_foreign), wishes.traced, running);
  const auto add = [&](std::vector<DoctorLine> more) { std::ranges::move(more, std::back_inserter(lines)); };
  const auto own = NetNamespace::open(NamespaceRef{});
  if (own) {
    add(kernel_lines(own->opener()));
    add(nftables_lines(own->opener(), wishes));
  } else {
    add({doctor_line("kernel", {"own namespace", "asking the kernel", "nothing can be told", "", true}, status_of(own.error()),
                     own.error().message)});
  }
  add(bpf_lines(wishes));
  add(file_lines(config));
  if (ask_hub) add(hub_lines(config, spaces, place));
  for (std::size_t i = 0; i < spaces.size(); ++i) add(target_lines(config.targets[i], spaces[i]));
  add(std::move(unmatched));
  fit_remedies(lines, place);
  return lines;
}

}  // namespace

int doctor_command(const ProbeConfig& config, bool json, bool ask_hub) {
  const auto running = find_running_probe(config);
  const auto status = own_status();
  const bool root = ::geteuid() == 0;
  // Everything is tried as the daemon would: also what needs a right that has no line of its own, and files of its user.
  const auto taken = running ? take_rights_of(*running) : Result<void>{};
  const RaisedCapabilities raised(root && running && taken ? rights_of(*running) : 0);
  const auto lines = examine(config, ask_hub, status, running ? &*running : nullptr);
  const auto note = root ? note_for_root(running, taken, std::filesystem::exists("/run/systemd/system")) : std::string();
  if (json) {
    print_out(fmt::format("{}\n", doctor_json(lines, note).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)));
  } else {
    print_out(print_doctor(lines, style_of_stdout(), note));
  }
  return doctor_exit_code(lines);
}

}  // namespace vpn_sentinel
