// vpn-sentinel-hub: the command line. Parses, hands over, turns FatalError into one line and an exit code.
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "hub/app/database_commands.hpp"
#include "hub/app/hub_settings.hpp"
#include "hub/app/run.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/command_line.hpp"

namespace {

using namespace vpn_sentinel;

constexpr auto default_config_file = "/etc/vpn-sentinel/hub.toml";
constexpr int exit_usage = 64;
constexpr int exit_internal = 70;
constexpr int exit_config = 78;

constexpr auto footer =
    "Exit codes: 0 ended by a signal, 64 wrong usage, 69 a port or the data folder is in use, 70 internal error,\n"
    "73 the data folder or database cannot be used, 78 wrong setting.\n"
    "Exit codes of backup: 0 copied and checked, 65 the database is damaged, 66 there is none that can be read, 73 the file exists or\n"
    "cannot be written. Of check-database: 0 whole, 1 damaged, 66 it cannot be read.\n"
    "Secrets are read from the environment (VPN_SENTINEL_API_KEY, VPN_SENTINEL_API_KEY_FILE) or the file, never from flags.\n"
    "SIGHUP reads the settings again, SIGTERM and SIGINT end the hub after what is under way.";

struct CommandLine {
  std::map<std::string, std::string> flags;
  std::string config_file;
  std::string database;  ///< of check-database, or the target of backup
};

Result<LoadedSettings> load(const CommandLine& line) {
  const auto environment = read_environment();
  const auto named = environment.find("VPN_SENTINEL_CONFIG");
  auto file = line.config_file;
  if (file.empty() && named != environment.end()) file = named->second;
  const bool must_exist = !file.empty();
  return load_settings(hub_setting_rows(), line.flags, environment, must_exist ? file : default_config_file, must_exist);
}

Settings require_settings(const CommandLine& line) {
  auto loaded = load(line);
  if (!loaded) throw FatalError(exit_config, loaded.error().message);
  for (const auto& warning : loaded->warnings) fmt::print(stderr, "vpn-sentinel-hub: warning: {}\n", warning);
  return std::move(loaded->global);
}

HubConfig require_config(const Settings& settings) {
  auto config = make_hub_config(settings, machine_has_ipv6());
  if (!config) throw FatalError(exit_config, config.error().message);
  return std::move(*config);
}

int run(const CommandLine& line) {
  const auto settings = require_settings(line);
  const auto config = require_config(settings);
  init_log(config.log_level);
  return run_hub(settings, config, [&line]() -> Result<Settings> {
    auto loaded = load(line);
    if (!loaded) return fail(loaded.error());
    // Checked as a whole: a file that would not start the hub is told now, not at the next restart.
    if (auto checked = make_hub_config(loaded->global, machine_has_ipv6()); !checked) return fail(checked.error());
    return std::move(loaded->global);
  });
}

int check_config(const CommandLine& line) {
  const auto settings = require_settings(line);
  const auto config = require_config(settings);
  const auto print_listener = [](const char* what, const std::vector<Endpoint>& endpoints) {
    if (endpoints.empty()) fmt::print("{:<10} off\n", what);
    for (const auto& endpoint : endpoints) fmt::print("{:<10} http://{}\n", what, endpoint.to_string());
  };
  print_listener("api", config.api_endpoints);
  print_listener("dashboard", config.dashboard_endpoints);
  print_listener("health", config.health_endpoints);
  fmt::print("{:<10} {}\n{:<10} {}\n", "telegram", config.telegram ? "on" : "off", "data", config.data_dir);
  fmt::print("The settings are fine.\n");
  return 0;
}

int dispatch(int argc, char** argv) {
  CommandLine line;
  CLI::App app{"Takes the reports of VPN Sentinel's probes, keeps them, shows them and sends alerts.", "vpn-sentinel-hub"};
  app.set_version_flag("--version", "vpn-sentinel-hub " VPN_SENTINEL_VERSION);
  app.footer(footer);
  app.require_subcommand(0, 1);
  app.fallthrough();  // flags may stand before and after the command
  bool sample = false;
  bool table = false;
  app.add_flag("--print-sample-config", sample, "Print a commented configuration file with every default");
  app.add_flag("--print-settings-table", table, "Print the settings as a Markdown table");
  app.add_option("--config", line.config_file,
                 fmt::format("Configuration file in TOML (VPN_SENTINEL_CONFIG, default {})", default_config_file));
  add_setting_flags(app, hub_setting_rows(), line.flags);
  app.add_subcommand("run", "Run the hub (also without a command)");
  const auto* const check = app.add_subcommand("check-config", "Check the settings and say what would be served");
  auto* const backup = app.add_subcommand("backup", "Copy the database to a file while the hub runs, and check the copy");
  backup->add_option("file", line.database, "File to make; it must not exist")->required();
  auto* const check_database = app.add_subcommand("check-database", "Check the whole database, or a backup; the hub may run");
  check_database->add_option("file", line.database, "Database file; default: that of the data folder");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (sample || table) {
    fmt::print("{}", sample ? sample_file(hub_setting_rows()) : markdown_table(hub_setting_rows()));
    return 0;
  }
  if (backup->parsed()) return backup_command(require_settings(line).text("data_dir"), line.database);
  if (check_database->parsed()) return check_database_command(require_settings(line).text("data_dir"), line.database);
  return check->parsed() ? check_config(line) : run(line);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a peer that has gone is an error of write(2), not the end
  umask(0077);                    // the database holds addresses and habits of people
  try {
    if (sodium_init() < 0) throw FatalError(exit_internal, "libsodium cannot be initialised");
    return dispatch(argc, argv);
  } catch (const FatalError& error) {
    fmt::print(stderr, "vpn-sentinel-hub: {}\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "vpn-sentinel-hub: internal error: {}\n", error.what());
    return exit_internal;
  }
}
