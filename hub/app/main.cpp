// vpn-sentinel-hub: the command line. Parses, hands over, turns FatalError into one line and an exit code.
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>
#include <type_traits>

#include "hub/app/channel_commands.hpp"
#include "hub/app/client_commands.hpp"
#include "hub/app/database_commands.hpp"
#include "hub/app/healthcheck_command.hpp"
#include "hub/app/history_commands.hpp"
#include "hub/app/hub_settings.hpp"
#include "hub/app/key_commands.hpp"
#include "hub/app/report_command.hpp"
#include "hub/app/rule_commands.hpp"
#include "hub/app/run.hpp"
#include "hub/app/user_commands.hpp"
#include "netns/base/fatal_error.hpp"
#include "netns/daemon/command_line.hpp"
#include "netns/daemon/exit_codes.hpp"

namespace {

using namespace vpn_sentinel;

constexpr auto default_config_file = "/etc/vpn-sentinel/hub.toml";

constexpr auto footer =
    "Exit codes: 0 ended by a signal, 64 wrong usage, 69 a port or the data folder is in use, 70 internal error,\n"
    "73 the data folder or database cannot be used, 78 wrong setting.\n"
    "Exit codes of backup: 0 copied and checked, 65 the database is damaged, 66 there is none that can be read, 73 the file exists or\n"
    "cannot be written. Of check-database: 0 whole, 1 damaged, 66 it cannot be read.\n"
    "Of report: 0 printed, 64 no such month or time zone, 66 the database cannot be read.\n"
    "Of export: 0 written, 64 a wrong wish, 66 the database cannot be read, 73 the file exists or cannot be written. Of import: 0 read,\n"
    "65 a line is wrong, 66 the file cannot be read, 73 the database cannot be used, or a hub uses it.\n"
    "Of client forget: 0 done, 1 it is not known, 64 no id, 66 no database, 69 no hub has done it yet, 73 its folder cannot be written.\n"
    "Of rules: 0 the rules are right, 64 a wrong wish, 66 the database cannot be read, 78 a wrong setting or alerts file.\n"
    "Of channels test: 0 the message was taken, 1 it was not, 64 there is no such channel.\n"
    "Of healthcheck: 0 reports can be taken, 1 they cannot, or the hub is not there.\n"
    "Secrets are read from the environment (VPN_SENTINEL_API_KEY, VPN_SENTINEL_API_KEY_FILE) or the file, never from flags.\n"
    "SIGHUP reads the settings, certificate and key again, SIGTERM and SIGINT end the hub after what is under way.";

struct CommandLine {
  std::map<std::string, std::string> flags;
  std::string config_file;
  std::string database;  ///< of check-database, or the target of backup
  NewKey key;            ///< of the commands `key …`
  std::string client;    ///< of `client forget`
  std::string channel;   ///< of `channels test`
  UserWish user;         ///< of the commands `user …`
  ReportWish report;     ///< of `report`
  HistoryWish history;   ///< of `export` and `import`
  RulesWish rules;       ///< of `rules`
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

/// What a disk could not give for now is worth another start, a wrong setting is not: the unit looks at the code.
int exit_code_of(Error::Kind kind) {
  return kind == Error::Kind::failed || kind == Error::Kind::no_space ? exit_cannot_create : exit_config;
}

HubConfig require_config(const Settings& settings) {
  auto config = make_hub_config(settings, machine_has_ipv6());
  if (!config) throw FatalError(exit_code_of(config.error().kind), config.error().message);
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
  const auto print_listener = [](const char* what, const std::vector<Endpoint>& endpoints, bool tls) {
    if (endpoints.empty()) fmt::print("{:<10} off\n", what);
    for (const auto& endpoint : endpoints) fmt::print("{:<10} {}://{}\n", what, tls ? "https" : "http", endpoint.to_string());
  };
  const bool tls = config.tls.has_value();
  const bool joined =
      is_one_place(config.health_endpoints, config.api_endpoints) || is_one_place(config.health_endpoints, config.dashboard_endpoints);
  print_listener("api", config.api_endpoints, tls);
  print_listener("dashboard", config.dashboard_endpoints, tls);
  print_listener("health", config.health_endpoints, tls && joined);
  fmt::print("{:<10} {}\n{:<10} {}\n", "telegram", config.telegram ? "on" : "off", "data", config.data_dir);
  for (const auto& channel : config.channels) fmt::print("{:<10} {} ({})\n", "channel", channel.name, to_string(channel.kind));
  const auto plain = warning_of_plain_log_in(config.dashboard_endpoints, tls, config.trusted_proxies);
  if (!plain.empty()) fmt::print(stderr, "vpn-sentinel-hub: warning: {}\n", plain);
  if (!config.alerts_warning.empty()) fmt::print(stderr, "vpn-sentinel-hub: warning: {}\n", config.alerts_warning);
  fmt::print("The settings are fine.\n");
  return 0;
}

template <typename T>
T require(Result<T> result) {
  if (!result) throw FatalError(exit_config, result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

int add_key_command(const CommandLine& line) {
  const auto data_dir = require_settings(line).text("data_dir");
  const auto key = require(add_key(data_dir, line.key, wall_now()));
  fmt::print(stderr, "The key of '{}', shown only now; give it to the probe as VPN_SENTINEL_API_KEY:\n", line.key.name);
  fmt::print("{}\n", key);
  return 0;
}

int revoke_key_command(const CommandLine& line) {
  require(revoke_key(require_settings(line).text("data_dir"), line.key.name));
  fmt::print("The key of '{}' is revoked; a running hub refuses it from now on.\n", line.key.name);
  return 0;
}

int list_keys_command(const CommandLine& line) {
  fmt::print("{}", require(list_keys(require_settings(line).text("data_dir"))));
  return 0;
}

using Command = std::function<int(const CommandLine&)>;

/// The command to run is put into `chosen` when it was given.
void add_key_commands(CLI::App& app, CommandLine& line, Command& chosen) {
  auto* const keys = app.add_subcommand("key", "Keys of single clients, beside the shared one")->require_subcommand(1);
  auto* const add = keys->add_subcommand("add", "Make a key and print it, once")->callback([&chosen] { chosen = add_key_command; });
  add->add_option("NAME", line.key.name, "Name of the key")->required();
  add->add_option("--clients", line.key.clients, "Client ids and groups that it may report for; 'office-*' stands for all that begin so")
      ->delimiter(',');
  add->add_flag("--read", line.key.may_read, "It may also read the states and the history of all clients");
  keys->add_subcommand("list", "List the keys: names and rights")->callback([&chosen] { chosen = list_keys_command; });
  auto* const revoke = keys->add_subcommand("revoke", "Take a key back")->callback([&chosen] { chosen = revoke_key_command; });
  revoke->add_option("NAME", line.key.name, "Name of the key")->required();
}

std::string data_dir_of(const CommandLine& line) { return require_settings(line).text("data_dir"); }

int add_user_command(const CommandLine& line) {
  const auto password = require(ask_password());
  require(add_user(data_dir_of(line), line.user, password));
  fmt::print("'{}' may log in as {}.\n", line.user.name, line.user.role);
  return 0;
}

int user_password_command(const CommandLine& line) {
  const auto password = require(ask_password());
  require(set_user_password(data_dir_of(line), line.user, password));
  fmt::print("The password of '{}' is changed; all log-ins and API tokens have ended.\n", line.user.name);
  return 0;
}

int user_role_command(const CommandLine& line) {
  require(set_user_role(data_dir_of(line), line.user));
  fmt::print("'{}' is {} from now on.\n", line.user.name, line.user.role);
  return 0;
}

int remove_user_command(const CommandLine& line) {
  require(remove_user(data_dir_of(line), line.user));
  fmt::print("'{}' is removed.\n", line.user.name);
  return 0;
}

int list_users_command(const CommandLine& line) {
  fmt::print("{}", require(list_users(data_dir_of(line))));
  return 0;
}

void add_user_commands(CLI::App& app, CommandLine& line, Command& chosen) {
  auto* const users = app.add_subcommand("user", "Accounts of people")->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*command)(const CommandLine&)) {
    auto* const added = users->add_subcommand(name, help)->callback([&chosen, command] { chosen = command; });
    added->add_option("NAME", line.user.name, "Name of the user")->required();
    return added;
  };
  const auto* const role_help = "viewer, operator (also keys and enrolments) or admin (also users and the audit log)";
  add("add", "Make a user; asks for the password, or reads it from standard input", add_user_command)
      ->add_option("ROLE", line.user.role, role_help)
      ->required();
  users->add_subcommand("list", "List the users")->callback([&chosen] { chosen = list_users_command; });
  add("password", "Change a password and end all log-ins and API tokens of the user", user_password_command)
      ->add_flag("--remove-totp", line.user.remove_totp, "Also forget the authenticator and its recovery codes");
  add("role", "Change what a user may do", user_role_command)->add_option("ROLE", line.user.role, role_help)->required();
  add("remove", "Remove a user with the tokens", remove_user_command);
}

int backup(const CommandLine& line) { return backup_command(require_settings(line).text("data_dir"), line.database); }
int check_database(const CommandLine& line) { return check_database_command(require_settings(line).text("data_dir"), line.database); }

int report(const CommandLine& line) { return report_command(require_settings(line).text("data_dir"), line.report); }

int export_history(const CommandLine& line) { return export_command(require_settings(line).text("data_dir"), line.history); }
int import_history(const CommandLine& line) { return import_command(require_settings(line).text("data_dir"), line.history); }

int forget_client(const CommandLine& line) { return forget_client_command(require_settings(line).text("data_dir"), line.client); }

void add_client_commands(CLI::App& app, CommandLine& line, Command& chosen) {
  auto* const clients = app.add_subcommand("client", "Clients that the hub knows")->require_subcommand(1);
  auto* const forget = clients->add_subcommand("forget", "Have the running hub forget a client that is gone for good; its history stays");
  forget->callback([&chosen] { chosen = forget_client; });
  forget->add_option("ID", line.client, "Client id, or group:NAME")->required();
}

int test_channel(const CommandLine& line) { return test_channel_command(require_config(require_settings(line)), line.channel); }

void add_channel_commands(CLI::App& app, CommandLine& line, Command& chosen) {
  auto* const channels = app.add_subcommand("channels", "Channels of alerts")->require_subcommand(1);
  auto* const test = channels->add_subcommand("test", "Send one message by a channel, now, and say whether it was taken");
  test->callback([&chosen] { chosen = test_channel; });
  test->add_option("NAME", line.channel, "Name of the channel; 'telegram' is that of the settings")->required();
}

int rules(const CommandLine& line) { return rules_command(require_config(require_settings(line)), line.rules); }

void add_rule_commands(CLI::App& app, CommandLine& line, Command& chosen) {
  auto* const listed = app.add_subcommand("rules", "Check the rules of alerts and print those in force, or what they would have told");
  listed->callback([&chosen] { chosen = rules; });
  auto& wish = line.rules;
  listed->add_option("--rule", wish.rule, "Only this one");
  listed->add_flag("--dry-run", wish.dry_run, "What they would have told of the stored history; nothing is sent, and the hub may run");
  listed->add_option("--from", wish.from, "History from this time on (RFC 3339); default: the last week");
  listed->add_option("--to", wish.to, "History before this time; default: now");
  listed->add_flag("--json", wish.json, "As JSON");
}

int healthcheck(const CommandLine& line) { return healthcheck_command(require_config(require_settings(line))); }

void add_database_commands(CLI::App& app, CommandLine& line, Command& chosen) {
  auto* const copy = app.add_subcommand("backup", "Copy the database to a file while the hub runs, and check the copy");
  copy->add_option("file", line.database, "File to make; it must not exist")->required();
  copy->callback([&chosen] { chosen = backup; });
  auto* const check = app.add_subcommand("check-database", "Check the whole database, or a backup; the hub may run");
  check->add_option("file", line.database, "Database file; default: that of the data folder");
  check->callback([&chosen] { chosen = check_database; });
}

void add_history_commands(CLI::App& app, CommandLine& line, Command& chosen) {
  auto* const report_app = app.add_subcommand("report", "Print how reliable the clients were in a month; the hub may run");
  report_app->callback([&chosen] { chosen = report; });
  report_app->add_option("--month", line.report.month, "Month, such as 2026-10; default: the last whole one");
  report_app->add_option("--zone", line.report.zone, "Time zone whose days and months count, such as Europe/Berlin")->capture_default_str();
  auto* const html = report_app->add_flag("--html", line.report.html, "One HTML page to keep, print or mail");
  report_app->add_flag("--json", line.report.json, "As JSON")->excludes(html);
  auto& wish = line.history;
  auto* const exported = app.add_subcommand(
      "export", "Write the history to a file, line by line, while the hub runs; comments, mutes, rules and accounts are in a backup only");
  exported->callback([&chosen] { chosen = export_history; });
  exported->add_option("file", wish.file, "File to make; it must not exist. -: standard output")->required();
  exported->add_option("--from", wish.from, "From this time on (RFC 3339)");
  exported->add_option("--to", wish.to, "Before this time");
  exported->add_option("--client", wish.client, "Only this client, or group:NAME");
  exported->add_option("--format", wish.format, "jsonl: all, for import; csv: reports, for spreadsheets")->capture_default_str();
  auto* const imported = app.add_subcommand("import", "Read an export, each thing once, of several the oldest first; stop the hub first");
  imported->callback([&chosen] { chosen = import_history; });
  imported->add_option("file", wish.file, "File that export wrote. -: standard input")->required();
  imported->add_flag("--skip-wrong-lines", wish.skip_wrong_lines, "Name lines that are wrong and go on; else the first one ends it");
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
  Command chosen = run;
  app.add_subcommand("check-config", "Check the settings and say what would be served")->callback([&chosen] { chosen = check_config; });
  app.add_subcommand("healthcheck", "Ask the running hub, on this machine and with the same settings, whether it can take reports")
      ->callback([&chosen] { chosen = healthcheck; });
  add_database_commands(app, line, chosen);
  add_history_commands(app, line, chosen);
  add_client_commands(app, line, chosen);
  add_channel_commands(app, line, chosen);
  add_rule_commands(app, line, chosen);
  add_key_commands(app, line, chosen);
  add_user_commands(app, line, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (sample || table) {
    fmt::print("{}", sample ? sample_file(hub_setting_rows()) : markdown_table(hub_setting_rows()));
    return 0;
  }
  return chosen(line);
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
