// vpn-sentinel-probe: the command line. Parses, hands over to a command, turns FatalError into one line and an exit code.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <functional>

#include "netns/base/capabilities.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/command_line.hpp"
#include "netns/daemon/exit_codes.hpp"
#include "probe/app/commands.hpp"
#include "probe/app/enroll_command.hpp"
#include "probe/app/findings_table.hpp"
#include "probe/app/output.hpp"
#include "probe/app/probe_settings.hpp"
#include "probe/app/target_names.hpp"

namespace {

using namespace vpn_sentinel;

constexpr auto default_config_file = "/etc/vpn-sentinel/probe.toml";

constexpr auto footer =
    "Exit codes of check: 0 secure, 1 warning, 2 danger, 3 contained, 4 could not look.\n"
    "Exit codes of baseline: show 0 nothing differs, 1 something differs, 2 none is pinned; pin 0 pinned, 2 refused (danger or "
    "contained); all 4 could not look.\n"
    "Exit codes of killswitch: arm 0 armed (the output tells whether canaries proved it), 2 not holding; disarm 0 nothing is held back any "
    "more, 2 another probe armed "
    "its own again; status 0 armed, 1 not armed, 2 changed or not holding; all 4 could not look, or not change.\n"
    "Exit codes of connections: 0 none leaves outside the tunnel, 2 some do, 3 of some it is not known, 4 could not look.\n"
    "Exit codes of peers: 0 all ports were looked at, 3 of some it cannot be told who is connected, 4 could not look.\n"
    "Exit codes of enroll: 0 the key is in the file, 1 the hub cannot be reached or refuses, 73 the file cannot be written.\n"
    "Exit codes of doctor: 0 all is there, 1 something optional is missing, 4 the targets cannot be watched.\n"
    "Exit codes of healthcheck: 0 the daemon looks, 1 it does not, it hangs, or it is not there.\n"
    "All commands: 64 wrong usage, 70 internal error, 73 data folder, 74 output cannot be written, 78 wrong setting.\n"
    "A flag or variable that says which target (netns, tunnel, endpoint, local-network, client-id) stands for all [[target]] tables "
    "of the file.\n"
    "Secrets are read from the environment (VPN_SENTINEL_API_KEY, VPN_SENTINEL_API_KEY_FILE) or the file, never from flags.";

struct CommandLine {
  std::map<std::string, std::string> flags;
  std::string config_file = default_config_file;
  bool config_given = false;
  bool json = false;
  bool offline = false;
  std::string action;  ///< of baseline and killswitch
  bool force = false;
  bool all = false;
  ConnectionsWish connections;
  PeersWish peers;
  EnrollWish enroll;
};

Result<LoadedSettings> load(const CommandLine& line) {
  const auto environment = read_environment();
  const auto named = environment.find("VPN_SENTINEL_CONFIG");
  const bool by_environment = !line.config_given && named != environment.end() && !named->second.empty();
  auto loaded = load_settings(probe_setting_rows(), line.flags, environment, by_environment ? named->second : line.config_file,
                              line.config_given || by_environment);
  if (!loaded) return fail(loaded.error());
  for (const auto& warning : loaded->warnings) fmt::print(stderr, "vpn-sentinel-probe: warning: {}\n", warning);
  return loaded;
}

Result<ProbeConfig> load_config(const CommandLine& line) {
  return load(line).and_then([](const LoadedSettings& loaded) { return make_probe_config(loaded); });
}

ProbeConfig require_config(const CommandLine& line) {
  auto config = load_config(line);
  if (!config) throw FatalError(exit_config, config.error().message);
  return std::move(*config);
}

std::vector<TargetPolicy> require_targets(const CommandLine& line) {
  auto targets = require_config(line).targets;
  for (auto& target : targets) target.offline = line.offline;
  return targets;
}

/// One code for several targets: 73 (could not write) and 4 (could not look: an unseen target may be anything) outrank all, 2 (danger)
/// outranks 3 (contained).
int rank(int code) { return code == 2 ? 3 : code == 3 ? 2 : code; }

/// Runs `command` for each target, also for those that a pattern stands for.
int run_each(const CommandLine& line, const std::function<int(const TargetPolicy&)>& command) {
  int worst = 0;
  const auto given = require_targets(line);
  for (const auto& target : given) {
    const auto matches = [&target](const std::string& name) { return target.netns.matches(name); };
    if (!target.netns.is_pattern() || std::ranges::any_of(namespace_names(), matches)) continue;
    fmt::print(stderr, "vpn-sentinel-probe: no network namespace matches {}; 'ip netns list' shows the names\n", target.netns.to_string());
    worst = exit_could_not_look;
  }
  for (const auto& target : expand_patterns(given)) {
    const int code = command(target);
    if (rank(code) > rank(worst)) worst = code;
  }
  return worst;
}

BaselineAction action_of(const std::string& word) {
  if (word == "pin") return BaselineAction::pin;
  return word == "forget" ? BaselineAction::forget : BaselineAction::show;
}

KillSwitchAction kill_switch_action_of(const std::string& word) {
  if (word == "arm") return KillSwitchAction::arm;
  return word == "disarm" ? KillSwitchAction::disarm : KillSwitchAction::status;
}

int run_connections(const CommandLine& line) {
  if (line.connections.watch && expand_patterns(require_targets(line)).size() != 1) {
    throw FatalError(exit_usage, "--watch goes with one target: name it by --netns");
  }
  return run_each(line, [&line](const TargetPolicy& target) { return connections_command(target, line.connections); });
}

int run_peers(const CommandLine& line) {
  if (line.peers.watch && expand_patterns(require_targets(line)).size() != 1) {
    throw FatalError(exit_usage, "--watch goes with one target: name it by --netns");
  }
  return run_each(line, [&line](const TargetPolicy& target) { return peers_command(target, line.peers); });
}

/// Whoever wants to get out must not be kept in by a wrong setting.
int run_killswitch(const CommandLine& line) {
  if (!line.all) {
    return run_each(
        line, [&line](const TargetPolicy& target) { return killswitch_command(target, kill_switch_action_of(line.action), line.json); });
  }
  if (line.action != "disarm") throw FatalError(exit_usage, "--all goes with disarm only");
  const auto loaded = load(line);
  if (!loaded) fmt::print(stderr, "vpn-sentinel-probe: warning: {}\n", loaded.error().message);
  return killswitch_disarm_all(loaded ? loaded->global.text("data_dir") + "/killswitch" : std::string(), line.json);
}

/// What the daemon never needs is given up before its first thread, also where it is root; CAP_SYS_ADMIN is for other namespaces only,
/// CAP_BPF and CAP_PERFMON are for naming programs. What opens everything rests between the calls that need it.
void give_up_rights(const ProbeConfig& config) {
  const bool foreign =
      std::ranges::any_of(config.targets, [](const TargetPolicy& target) { return target.netns.kind != NamespaceRef::Kind::self; });
  const bool traced = std::ranges::any_of(config.targets, [](const TargetPolicy& target) { return wants_tracer(target.connections.mode); });
  const auto tracing = capability_bit(CAP_BPF) | capability_bit(CAP_PERFMON);
  const auto keep = capability_bit(CAP_NET_ADMIN) | capability_bit(CAP_NET_RAW) | rights_to_look | (foreign ? rights_to_enter : 0) |
                    (traced ? tracing : 0);
  auto resting = rights_to_enter | rights_to_look;
  // To bpf(2) it is as good as CAP_BPF, and all that a kernel before 5.8 knows.
  if (traced && (effective_capabilities().value_or(0) & tracing) != tracing) resting &= ~rights_to_enter;
  // Root's own settings and data may be anybody's files.
  if (::geteuid() == 0) resting &= ~(capability_bit(CAP_DAC_READ_SEARCH) | capability_bit(CAP_DAC_OVERRIDE));
  const auto kept = keep_capabilities(keep, resting);
  if (!kept) fmt::print(stderr, "vpn-sentinel-probe: warning: rights that are not needed are kept: {}\n", kept.error().message);
}

int run_daemon(const CommandLine& line) {
  auto config = require_config(line);
  give_up_rights(config);
  return run_command(std::move(config), [&line] {
    const RaisedCapabilities raised(rights_to_look);
    return load_config(line);
  });
}

int run_enroll(const CommandLine& line) {
  const auto environment = read_environment();
  const auto named = environment.find("VPN_SENTINEL_CONFIG");
  auto wish = line.enroll;
  wish.file = !line.config_given && named != environment.end() && !named->second.empty() ? named->second : line.config_file;
  return enroll_command(wish);
}

std::string data_dir_of(const CommandLine& line) {
  const auto loaded = load(line);
  if (!loaded) throw FatalError(exit_config, loaded.error().message);
  return loaded->global.text("data_dir");
}

int dispatch(int argc, char** argv) {
  CommandLine line;
  CLI::App app{"Tells within milliseconds when a VPN stops protecting you.", "vpn-sentinel-probe"};
  app.set_version_flag("--version", "vpn-sentinel-probe " VPN_SENTINEL_VERSION);
  app.footer(footer);
  app.require_subcommand(0, 1);
  bool sample = false;
  bool table = false;
  bool findings = false;
  app.add_flag("--print-sample-config", sample, "Print a commented configuration file with every default");
  app.add_flag("--print-settings-table", table, "Print the settings as a Markdown table");
  app.add_flag("--print-findings-table", findings, "Print every finding with its meaning and what to do, as a Markdown table");

  const auto command = [&](const char* name, const char* help) {
    auto* const added = app.add_subcommand(name, help);
    added->footer(footer);
    added->add_option_function<std::string>(
        "--config", [&line](const std::string& file) { line.config_file = file, line.config_given = true; },
        fmt::format("Configuration file in TOML (VPN_SENTINEL_CONFIG, default {})", default_config_file));
    add_setting_flags(*added, probe_setting_rows(), line.flags);
    return added;
  };
  auto* const run = command("run", "Watch the targets and report to the hub (the daemon)");
  auto* const check = command("check", "Look once, print the verdict with evidence and advice");
  auto* const watch = command("watch", "Print every change until interrupted");
  auto* const baseline = command("baseline", "Show, pin or forget the healthy state, against which later changes are told");
  baseline->add_option("action", line.action, "show, pin or forget")->required()->check(CLI::IsMember({"show", "pin", "forget"}));
  baseline->add_flag("--force", line.force, "Pin also when not every route could be looked at (never danger or contained)");
  auto* const killswitch = command("killswitch", "Arm, disarm or look at the kill switch, with or without the daemon");
  killswitch->add_option("action", line.action, "arm, disarm or status")->required()->check(CLI::IsMember({"arm", "disarm", "status"}));
  killswitch->add_flag("--all", line.all, "disarm: every kill switch in every network namespace of this machine, whosever it is");
  killswitch->add_flag("--json", line.json, "Print JSON");
  auto* const connections = command("connections", "List connections: by the tunnel or outside, whose, how many bytes");
  connections->add_flag("--watch", line.connections.watch, "Go on and print what is new until interrupted");
  connections->add_flag("--outside", line.connections.outside, "Only what leaves outside the tunnel");
  connections->add_flag("--json", line.connections.json, "Print JSON");
  auto* const peers = command("peers", "List who is connected to a VPN server here (--listen): from where, since when, how many bytes");
  peers->add_flag("--watch", line.peers.watch, "Go on and print who comes and goes, and blocked tries, until interrupted");
  peers->add_flag("--json", line.peers.json, "Print JSON");
  auto* const doctor =
      command("doctor", "Say which rights, kernel features and files are there, what for, and how to get the missing ones");
  doctor->add_flag("--json", line.json, "Print JSON");
  doctor->add_flag("--offline", line.offline, "Do not ask the hub: send nothing");
  auto* const healthcheck = command("healthcheck", "Ask the daemon of the data folder whether it looks and does not hang");
  auto* const enroll =
      app.add_subcommand("enroll", "Fetch this probe's key from a hub with a code of its dashboard, and write it into the file");
  enroll->add_option("URL", line.enroll.url, "Address of the hub's API, such as https://hub.example:5000")->required();
  enroll->add_option("CODE", line.enroll.code, "The code; it works once")->required();
  enroll->add_option_function<std::string>(
      "--config", [&line](const std::string& file) { line.config_file = file, line.config_given = true; },
      fmt::format("Configuration file in TOML (VPN_SENTINEL_CONFIG, default {})", default_config_file));
  enroll->add_option("--api-path", line.enroll.api_path, "Path of the hub's API, when it is another one");
  enroll->add_option("--ca-file", line.enroll.ca_file, "CA bundle (PEM) that signs the hub's certificate; default: the system's");
  for (auto* const one : {check, watch}) {
    one->add_flag("--json", line.json, "Print JSON");
    one->add_flag("--offline", line.offline, "Kernel facts only: send nothing");
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (sample || table || findings) {
    print_out(sample ? sample_file(probe_setting_rows()) : table ? markdown_table(probe_setting_rows()) : findings_table());
    return when_printed(0);
  }
  if (run->parsed()) return run_daemon(line);
  if (check->parsed())
    return when_printed(run_each(line, [&line](const TargetPolicy& target) { return check_command(target, line.json); }));
  if (watch->parsed()) return watch_command(require_targets(line), line.json);
  if (baseline->parsed())
    return when_printed(
        run_each(line, [&line](const TargetPolicy& target) { return baseline_command(target, action_of(line.action), line.force); }));
  if (killswitch->parsed()) return when_printed(run_killswitch(line));
  if (connections->parsed()) return when_printed(run_connections(line));
  if (peers->parsed()) return when_printed(run_peers(line));
  if (doctor->parsed()) return when_printed(doctor_command(require_config(line), line.json, !line.offline));
  if (enroll->parsed()) return run_enroll(line);
  if (healthcheck->parsed()) return when_printed(healthcheck_command(data_dir_of(line)));
  fmt::print(stderr, "{}", app.help());
  return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(2), not the end
  try {
    return dispatch(argc, argv);
  } catch (const FatalError& error) {
    fmt::print(stderr, "vpn-sentinel-probe: {}\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "vpn-sentinel-probe: internal error: {}\n", error.what());
    return exit_internal;
  }
}
