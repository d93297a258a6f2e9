#!/usr/bin/env python3
"""Writes manual pages and shell completions of one program from what it tells about itself: --help of each command and its settings table.

    manuals.py --program FILE --name vpn-sentinel-probe|vpn-sentinel-hub --version TEXT --output FOLDER [--runner COMMAND…]

Below FOLDER: man8/NAME.8, man5/NAME.toml.5, bash/NAME, zsh/_NAME, fish/NAME.fish. Nothing in them depends on the day or the machine.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from completions import bash, fish, zsh
from program_help import Command, Option, all_commands, ask, setting_keys, settings

FACTS = {
    "vpn-sentinel-probe": {
        "file": "/etc/vpn-sentinel/probe.toml",
        "purpose": "watch VPN network namespaces and tell when they stop protecting",
        "about": "Watches network namespaces of this machine. A message of the kernel is only a hint; where a packet would go is asked of the "
        "kernel itself, and what answers through the tunnel is asked inside the namespace. Without a hub \\fBcheck\\fR, \\fBwatch\\fR and "
        "\\fBdoctor\\fR print what is found; \\fBrun\\fR is the daemon that reports to a hub.",
        "signals": [("SIGHUP", "reads the settings again and takes over the log level"), ("SIGUSR1", "checks everything again"),
                    ("SIGTERM, SIGINT", "tells the hub that nobody watches any more, and ends")],
        "files": [("/etc/vpn-sentinel/probe.toml", "settings, see \\fBvpn-sentinel-probe.toml\\fR(5)"),
                  ("/usr/share/doc/vpn-sentinel-probe/examples/probe.toml", "a sample of it with every default"),
                  ("/etc/vpn-sentinel/probe.credentials/", "one secret in each file, read by systemd for the units, and by commands of root: {secrets}"),
                  ("/var/lib/vpn-sentinel/probe/", "reports that wait for the hub, pinned healthy states, what is known of the kill switch")],
        "see": ["vpn-sentinel-hub(8)", "vpn-sentinel-probe.toml(5)", "ip-netns(8)", "nft(8)", "systemd.exec(5)"],
    },
    "vpn-sentinel-hub": {
        "file": "/etc/vpn-sentinel/hub.toml",
        "purpose": "take the reports of VPN Sentinel's probes, keep them, show them and send alerts",
        "about": "Takes reports by HTTP, judges silence, stores, sends alerts (Telegram, mail, ntfy, Discord, Slack, Apprise, webhooks) and "
        "shows a page. Without a key it listens on loopback only.",
        "signals": [("SIGHUP", "reads keys, allow-list, trusted proxies, rate limit, alerts file, certificate and log level again"),
                    ("SIGTERM, SIGINT", "ends after what is under way")],
        "files": [("/etc/vpn-sentinel/hub.toml", "settings, see \\fBvpn-sentinel-hub.toml\\fR(5)"),
                  ("/etc/vpn-sentinel/alerts.toml", "more channels of alerts, rules and maintenance windows; it need not exist"),
                  ("/usr/share/doc/vpn-sentinel-hub/examples/", "samples of both, and files for services beside the hub"),
                  ("/etc/vpn-sentinel/hub.credentials/",
                   "one secret in each file, read by systemd for the unit, and by commands of root: {secrets}, and what \\fIalerts.toml\\fR "
                   "names without a folder"),
                  ("/var/lib/vpn-sentinel/hub/", "the database, and the keys of single clients")],
        "see": ["vpn-sentinel-probe(8)", "vpn-sentinel-hub.toml(5)", "systemd.exec(5)"],
    },
}


def roff(text: str) -> str:
    """Text as it stands: nothing of it is a request or an escape, and '-' can be copied into a shell."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    text = re.sub(r",(?=\S)", r",\\:", text)  # a long list of URLs may be broken there
    return f"\\&{text}" if text.startswith((".", "'")) else text


def bold(text: str) -> str:
    return f"\\fB{roff(text)}\\fR"


def see_also(pages: list[str]) -> str:
    return ",\n".join(f"\\fB{roff(page[:-3])}\\fR{page[-3:]}" for page in pages)


def own_options(command: Command, of_settings: set[str]) -> list[Option]:
    return [option for option in command.options if not of_settings & set(option.names)]


def heading(title: str, section: int, version: str) -> list[str]:
    """Up to the line of the name. Lines are neither adjusted nor hyphenated: they are full of names and URLs."""
    about = "System Administration" if section == 8 else "File Formats"
    return [f'.TH {title} {section} "" "VPN Sentinel {version}" "{about}"', ".ad l", ".nh", ".SH NAME"]


def render_options(options: list[Option]) -> list[str]:
    lines = []
    for option in options:
        value = " \\fIVALUE\\fR" if option.takes_value else ""
        lines += [".TP", ", ".join(bold(name) for name in option.names) + value, roff(option.help) + "."]
    return lines


def manual(name: str, version: str, root: Command, rows: list[list[str]], keys: list[str]) -> str:
    facts = FACTS[name]
    flags = {row[0].strip("`") for row in rows}
    lines = [*heading(name.upper(), 8, version), f"{roff(name)} \\- {roff(facts['purpose'])}", ".SH SYNOPSIS"]
    for command in all_commands(root):
        operands = " \\fI" + "|".join(command.actions) + "\\fR" if command.actions else ""
        if not operands and not command.usage.endswith("[OPTIONS]"):
            operands = f" \\fI{roff(command.usage.rsplit(' ', 1)[-1].lower())}\\fR"
        lines += [f"{bold(' '.join([name, *command.words]))} [\\fIOPTION\\fR]...{operands}", ".br"]
    lines += [".SH DESCRIPTION", facts["about"], ".SH COMMANDS"]
    for command in all_commands(root):
        lines += [".TP", bold(" ".join(command.words)), roff(command.summary) + "."]
        for option in own_options(command, flags):
            if {"-h", "--help", "--config"} & set(option.names):
                continue
            value = " \\fIVALUE\\fR" if option.takes_value else ""
            lines += [".RS", ".TP", ", ".join(bold(each) for each in option.names) + value, roff(option.help) + ".", ".RE"]
    lines += [".SH OPTIONS", f"Every setting of \\fB{roff(name)}.toml\\fR(5) but secrets is an option, too; the order of precedence is there."]
    general = {option.names[0]: option for command in [root, *all_commands(root)] for option in own_options(command, flags)}
    kept = [option for option in general.values() if {"-h", "--help", "--version", "--config"} & set(option.names) or option in root.options]
    lines += render_options(kept)
    for flag, environment, default, meaning in rows:
        if flag != "-":
            lines += [".TP", f"{bold(flag.strip('`'))} \\fIVALUE\\fR", roff(plain(meaning)) + "."]
    lines += [".SH EXIT STATUS"]
    for line in root.footer:
        lines += [roff(line), ".br"]
    lines += [".SH ENVIRONMENT", "\\fBVPN_SENTINEL_CONFIG\\fR names the file of settings; each setting has a variable, see"]
    lines += [f"\\fB{roff(name)}.toml\\fR(5)."]
    lines += [".SH FILES"]
    # Whoever lists the processes would read a secret in a flag: those have none.
    secrets = ", ".join(roff(key) for key, row in zip(keys, rows, strict=True) if row[0] == "-")
    for path, text in facts["files"]:
        lines += [".TP", f"\\fI{roff(path)}\\fR", text.replace("{secrets}", secrets)]
    lines += [".SH SIGNALS"]
    for signal, text in facts["signals"]:
        lines += [".TP", bold(signal), roff(text)]
    return "\n".join([*lines, ".SH SEE ALSO", see_also(facts["see"]), ""])


def plain(cell: str) -> str:
    return cell.replace("`", "")


def settings_manual(name: str, version: str, rows: list[list[str]], keys: list[str]) -> str:
    facts = FACTS[name]
    lines = [*heading(f"{name.upper()}.TOML", 5, version), f"{roff(name)}.toml \\- settings of {roff(name)}(8)"]
    lines += [".SH SYNOPSIS", f"\\fI{roff(facts['file'])}\\fR"]
    lines += [".SH DESCRIPTION", "A file in TOML. A setting counts in this order: flag, environment variable, credential of systemd (secrets only), "
              "this file, default. An empty variable is not set. Lists are arrays, or texts with commas.", ".PP",
              "Instead of a secret its file can be named, as \\fIKEY\\fB_file\\fR or by the variable with \\fB_FILE\\fR at its end. systemd hands over "
              "secrets as credentials named \\fBvpn\\-sentinel_\\fIKEY\\fR; the units of the packages, and commands of root, read them from the "
              f"folder of credentials beside this file. \\fB{roff(name)} \\-\\-print\\-sample\\-config\\fR prints a file with every default."]
    if "netns" in keys:
        lines += [".PP", "Several targets are several \\fB[[target]]\\fR tables, below all other settings;", "the sample says what they may hold."]
    lines += [".SH SETTINGS"]
    for key, (_, environment, default, meaning) in zip(keys, rows, strict=True):
        variables = " or ".join(bold(one) for one in plain(environment).split(" or "))
        lines += [".TP", bold(key), f"{roff(plain(meaning))}.", ".br", f"Environment: {variables}."]
        if default != "-":
            lines += [".br", f"Default: {roff(plain(default))}"]
    return "\n".join([*lines, ".SH SEE ALSO", see_also([f"{name}(8)"]), ""])


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--name", required=True, choices=FACTS)
    parser.add_argument("--version", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--runner", nargs="*", default=[], help="starts programs of another machine, as qemu-aarch64 does")
    given = parser.parse_args()
    program = [*given.runner, given.program]
    root = ask(program, [])
    rows, keys = settings(program), setting_keys(program)
    flags = {name for command in [root, *all_commands(root)] for option in command.options for name in option.names}
    lost = {row[0].strip("`") for row in rows if row[0] != "-"} - flags
    if lost or len(rows) != len(keys) or not root.subcommands:
        raise SystemExit(f"{given.name} tells its settings and commands in a form that is not understood: {sorted(lost)}")
    name = given.name
    write(given.output / "man8" / f"{name}.8", manual(name, given.version, root, rows, keys))
    write(given.output / "man5" / f"{name}.toml.5", settings_manual(name, given.version, rows, keys))
    write(given.output / "bash" / name, bash(name, root))
    write(given.output / "zsh" / f"_{name}", zsh(name, root))
    write(given.output / "fish" / f"{name}.fish", fish(name, root))
    return 0


if __name__ == "__main__":
    sys.exit(main())
