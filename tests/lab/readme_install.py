"""What README's "Install it" tells to type on a Debian: one command after the other, without sudo, for whoever is root already."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from process import run

TOP = Path(__file__).resolve().parents[2]
TREE = "/root/vpn-sentinel"


def commands() -> list[str]:
    section = re.search(r"^## Install it\n.*?^```sh\n(.*?)^```$", (TOP / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    if section is None:
        raise AssertionError("README has no commands below \"Install it\"")
    lines = [re.sub(r"\s+#.*$", "", line) for line in section[1].splitlines()]
    return [command.strip().removeprefix("sudo ") for line in lines for command in line.split("&&") if command.strip()]


def is_for_the_target(command: str) -> bool:
    """Of a machine on which the packages are installed; the others build them."""
    return command.startswith(("apt install ./", "systemctl "))


def build_as_told(suite: str, site: str) -> list[str]:
    """Types the commands that build, in a folder that goes away: apt says what it would install on an empty Debian of this archive, ninja
    what it would build (debian_packages.py packs what was built already). What was typed."""
    typed = []
    with tempfile.TemporaryDirectory(prefix="vs-readme-") as folder:
        Path(folder, "sources").write_text(f"deb {site} {suite} main\n")
        Path(folder, "status").touch()
        stock = f"-o Dir::Etc::sourcelist={folder}/sources -o Dir::Etc::sourceparts=/dev/null -o Dir::State::status={folder}/status"
        for command in commands():
            if is_for_the_target(command):
                continue
            here = command
            if command.startswith("apt install "):
                here = command.replace("apt install ", f"apt-get {stock} install --simulate ", 1)
            elif command.startswith("cmake --preset release "):
                here = f"{command} -B {folder}/release"
            elif command.startswith("cmake --build build/release "):
                here = f"{command.replace('build/release', f'{folder}/release', 1)} -- -n"
            run(["sh", "-ec", f"cd {TOP}; {here}"], timeout=300)
            typed.append(command)
    return typed
