"""What a program of this project tells about itself: --help of each command, the settings table and the sample file."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field


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


def all_commands(command: Command) -> list[Command]:
    return [found for one in command.subcommands for found in ([one] if not one.subcommands else all_commands(one))]
