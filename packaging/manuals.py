#!/usr/bin/env python3
"""Writes manual pages and shell completions of one program from what it tells about itself: --help of each command and its settings table.

    manuals.py --program FILE --name vpn-sentinel-probe|vpn-sentinel-hub --version TEXT --output FOLDER [--runner COMMAND…]

Below FOLDER: man8/NAME.8, man5/NAME.toml.5, bash/NAME, zsh/_NAME, fish/NAME.fish. Nothing in them depends on the day or the machine.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

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
                  ("/etc/vpn-sentinel/probe.credentials/", "one secret in each file, read by systemd for the units: api_key"),
                  ("/var/lib/vpn-sentinel/probe/", "reports that wait for the hub, pinned healthy states, what is known of the kill switch")],
        "see": ["vpn-sentinel-hub(8)", "vpn-sentinel-probe.toml(5)", "ip-netns(8)", "nft(8)", "systemd.exec(5)"],
    },
    "vpn-sentinel-hub": {
        "file": "/etc/vpn-sentinel/hub.toml",
        "purpose": "take the reports of VPN Sentinel's probes, keep them, show them and send alerts",
        "about": "Takes reports by HTTP, judges silence, stores, alerts by Telegram and shows a page. Without a key it listens on loopback only.",
        "signals": [("SIGHUP", "reads keys, allow-list, trusted proxies, rate limit, certificate and log level again"),
                    ("SIGTERM, SIGINT", "ends after what is under way")],
        "files": [("/etc/vpn-sentinel/hub.toml", "settings, see \\fBvpn-sentinel-hub.toml\\fR(5)"),
                  ("/etc/vpn-sentinel/hub.credentials/",
                   "one secret in each file, read by systemd for the unit: api_key, dashboard_password, telegram_bot_token"),
                  ("/var/lib/vpn-sentinel/hub/", "the database, and the keys of single clients")],
        "see": ["vpn-sentinel-probe(8)", "vpn-sentinel-hub.toml(5)", "systemd.exec(5)"],
    },
}


@dataclass
class Option:
    names: list[str]
    takes_value: bool
    help: str


@dataclass
class Command:
    """One page of --help. `words`: what is typed after the program's name."""

    words: list[str]
    summary: str
    usage: str
    options: list[Option] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)  # what its positional may be
    subcommands: list[Command] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)


def entries(lines: list[str]) -> list[tuple[str, str]]:
    """Two columns; the second one begins in the line after when the first is wide."""
    found: list[tuple[str, str]] = []
    for line in lines:
        head = re.match(r"  (\S.*)$", line)
        if head:
            left, _, right = re.sub(r"(\S)  +", "\\1\0", head[1], count=1).partition("\0")
            if not right and len(left) > 28:  # one space only is between a first column of full width and the second
                wide = re.match(r"(-\S+ TEXT(?: \.\.\.)?|-\S+) (.*)$", left)
                left, right = (wide[1], wide[2]) if wide else (left, "")
            found.append((left.strip(), right.strip()))
        elif line.strip() and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}".strip())
    return found


def ask(program: list[str], words: list[str]) -> Command:
    text = subprocess.run([*program, *words, "--help"], capture_output=True, text=True, check=True).stdout
    summary, usage, *rest = text.splitlines()
    command = Command(words, summary.rstrip("."), usage.removeprefix("Usage: "))
    sections: dict[str, list[str]] = {}
    current = command.footer
    for line in rest:
        if line in ("Options:", "Subcommands:", "Positionals:"):
            current = sections.setdefault(line[:-1], [])
        elif not line and current is not command.footer:
            current = command.footer
        elif line:
            current.append(line)
    for left, text_of in entries(sections.get("Options", [])):
        names, _, value = left.partition(" ")
        command.options.append(Option(names.split(","), bool(value), text_of))
    for left, _ in entries(sections.get("Positionals", [])):
        choice = re.search(r"\{([^}]*)\}", left)
        command.actions += choice[1].split(",") if choice else []
    for name, _ in entries(sections.get("Subcommands", [])):
        command.subcommands.append(ask(program, [*words, name]))
    return command


def settings(program: list[str]) -> list[list[str]]:
    """Flag, environment, default and meaning of each setting."""
    text = subprocess.run([*program, "--print-settings-table"], capture_output=True, text=True, check=True).stdout
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()[2:]]


def setting_keys(program: list[str]) -> list[str]:
    text = subprocess.run([*program, "--print-sample-config"], capture_output=True, text=True, check=True).stdout
    keys = re.findall(r"^# ([a-z_0-9]+) = ", text, re.MULTILINE)
    secrets = {key.removesuffix("_file") for key in keys if key.endswith("_file")}
    return [key for key in keys if not (key.endswith("_file") and key.removesuffix("_file") in secrets and key.removesuffix("_file") in keys)]


def roff(text: str) -> str:
    """Text as it stands: nothing of it is a request or an escape, and '-' can be copied into a shell."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    text = re.sub(r",(?=\S)", r",\\:", text)  # a long list of URLs may be broken there
    return f"\\&{text}" if text.startswith((".", "'")) else text


def bold(text: str) -> str:
    return f"\\fB{roff(text)}\\fR"


def see_also(pages: list[str]) -> str:
    return ",\n".join(f"\\fB{roff(page[:-3])}\\fR{page[-3:]}" for page in pages)


def all_commands(command: Command) -> list[Command]:
    return [found for one in command.subcommands for found in ([one] if not one.subcommands else all_commands(one))]


def own_options(command: Command, of_settings: set[str]) -> list[Option]:
    return [option for option in command.options if not of_settings & set(option.names)]


def render_options(options: list[Option]) -> list[str]:
    lines = []
    for option in options:
        value = " \\fIVALUE\\fR" if option.takes_value else ""
        lines += [".TP", ", ".join(bold(name) for name in option.names) + value, roff(option.help) + "."]
    return lines


def manual(name: str, version: str, root: Command, rows: list[list[str]]) -> str:
    facts = FACTS[name]
    flags = {row[0].strip("`") for row in rows}
    lines = [f'.TH {name.upper()} 8 "" "VPN Sentinel {version}" "System Administration"', ".ad l", ".nh", ".SH NAME", f"{roff(name)} \\- {roff(facts['purpose'])}"]
    lines += [".SH SYNOPSIS"]
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
    lines += [".SH ENVIRONMENT", f"\\fBVPN_SENTINEL_CONFIG\\fR names the file of settings; each setting has a variable, see \\fB{roff(name)}.toml\\fR(5)."]
    lines += [".SH FILES"]
    for path, text in facts["files"]:
        lines += [".TP", f"\\fI{roff(path)}\\fR", text]
    lines += [".SH SIGNALS"]
    for signal, text in facts["signals"]:
        lines += [".TP", bold(signal), roff(text)]
    return "\n".join([*lines, ".SH SEE ALSO", see_also(facts["see"]), ""])


def plain(cell: str) -> str:
    return cell.replace("`", "")


def settings_manual(name: str, version: str, rows: list[list[str]], keys: list[str]) -> str:
    facts = FACTS[name]
    lines = [f'.TH {name.upper()}.TOML 5 "" "VPN Sentinel {version}" "File Formats"', ".ad l", ".nh", ".SH NAME", f"{roff(name)}.toml \\- settings of {roff(name)}(8)"]
    lines += [".SH SYNOPSIS", f"\\fI{roff(facts['file'])}\\fR"]
    lines += [".SH DESCRIPTION", "A file in TOML. A setting counts in this order: flag, environment variable, credential of systemd (secrets only), "
              "this file, default. An empty variable is not set. Lists are arrays, or texts with commas.", ".PP",
              "Instead of a secret its file can be named, as \\fIKEY\\fB_file\\fR or by the variable with \\fB_FILE\\fR at its end. systemd hands over "
              "secrets as credentials named \\fBvpn\\-sentinel_\\fIKEY\\fR; the units of the packages read them from the folder of credentials "
              f"beside this file. \\fB{roff(name)} \\-\\-print\\-sample\\-config\\fR prints a file with every default."]
    if "netns" in keys:
        lines += [".PP", "Several targets are several \\fB[[target]]\\fR tables, below all other settings; the sample says which settings they may have."]
    lines += [".SH SETTINGS"]
    for key, (_, environment, default, meaning) in zip(keys, rows, strict=True):
        variables = " or ".join(bold(one) for one in plain(environment).split(" or "))
        lines += [".TP", bold(key), f"{roff(plain(meaning))}.", ".br", f"Environment: {variables}."]
        if default != "-":
            lines += [".br", f"Default: {roff(plain(default))}"]
    return "\n".join([*lines, ".SH SEE ALSO", see_also([f"{name}(8)"]), ""])


def is_file(option: str) -> bool:
    return option.endswith(("-path", "-file", "-dir", "--config"))


def bash(name: str, root: Command) -> str:
    function = "_" + name.replace("-", "_")
    lines = [f"# bash completion for {name}", f"{function}() {{", "  local word previous command i words",
             '  word=${COMP_WORDS[COMP_CWORD]}', '  previous=${COMP_WORDS[COMP_CWORD-1]}', "  COMPREPLY=()", '  command=""']
    known = " | ".join(sorted({word for one in all_commands(root) for word in one.words}))
    lines += ["  for ((i = 1; i < COMP_CWORD; i++)); do", f"    case ${{COMP_WORDS[i]}} in {known}) command=\"$command ${{COMP_WORDS[i]}}\" ;; esac",
              "  done", "  case $previous in"]
    names = sorted({each for one in [root, *all_commands(root)] for option in one.options if option.takes_value for each in option.names})
    files = [each for each in names if is_file(each)]
    lines += [f"    {' | '.join(files)}) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\")); return ;;",
              f"    {' | '.join(each for each in names if each not in files)}) return ;;", "  esac", '  case "$command" in']
    for one in [root, *[group for group in root.subcommands if group.subcommands], *all_commands(root)]:
        choices = [sub.words[-1] for sub in one.subcommands] + one.actions + [each for option in one.options for each in option.names]
        label = '""' if not one.words else f'" {" ".join(one.words)}"'
        lines.append(f"    {label}) words=\"{' '.join(choices)}\" ;;")
    lines += ['    *) words="" ;;', "  esac", '  COMPREPLY=($(compgen -W "$words" -- "$word"))', "}", f"complete -F {function} {name}", ""]
    return "\n".join(lines)


def zsh_quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def zsh_arguments(command: Command, indent: str) -> list[str]:
    lines = []
    for option in command.options:
        value = (":file:_files" if is_file(option.names[-1]) else ":value: ") if option.takes_value else ""
        lines += [f"{indent}'{each}[{zsh_quote(option.help)}]{value}' \\" for each in option.names]
    if command.actions:
        lines.append(f"{indent}'1:action:({' '.join(command.actions)})' \\")
    return lines


def zsh(name: str, root: Command) -> str:
    function = "_" + name.replace("-", "_")
    lines = [f"#compdef {name}", f"{function}() {{", "  local curcontext=$curcontext state line", "  _arguments -C \\", *zsh_arguments(root, "    "),
             f"    '1:command:({' '.join(sub.words[0] for sub in root.subcommands)})' '*::argument:->rest'", "  case $state:$line[1] in"]
    for command in root.subcommands:
        lines += [f"    rest:{command.words[0]})"]
        if command.subcommands:
            lines += [f"      _arguments '1:command:({' '.join(sub.words[-1] for sub in command.subcommands)})' \\"]
            lines += [line for sub in command.subcommands for line in zsh_arguments(sub, "        ") if "--help" not in line and "'-h[" not in line]
        else:
            lines += ["      _arguments \\", *zsh_arguments(command, "        ")]
        lines += ["        '*:file:_files'", "      ;;"]
    return "\n".join([*lines, "  esac", "}", f'{function} "$@"', ""])


def fish(name: str, root: Command) -> str:
    def quote(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    lines = [f"# fish completion for {name}", f"complete -c {name} -f"]
    for command in [root, *root.subcommands, *[sub for group in root.subcommands for sub in group.subcommands]]:
        condition = "__fish_use_subcommand" if not command.words else "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.words)
        start = f"complete -c {name} -n {quote(condition)}"
        for sub in command.subcommands:
            lines.append(f"{start} -a {sub.words[-1]} -d {quote(sub.summary)}")
        if command.actions:
            lines.append(f"{start} -a {quote(' '.join(command.actions))}")
        for option in command.options:
            names = " ".join(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in option.names)
            value = (" -r -F" if is_file(option.names[-1]) else " -x") if option.takes_value else ""
            lines.append(f"{start} {names}{value} -d {quote(option.help)}")
    return "\n".join([*lines, ""])


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
    write(given.output / "man8" / f"{name}.8", manual(name, given.version, root, rows))
    write(given.output / "man5" / f"{name}.toml.5", settings_manual(name, given.version, rows, keys))
    write(given.output / "bash" / name, bash(name, root))
    write(given.output / "zsh" / f"_{name}", zsh(name, root))
    write(given.output / "fish" / f"{name}.fish", fish(name, root))
    return 0


if __name__ == "__main__":
    sys.exit(main())
