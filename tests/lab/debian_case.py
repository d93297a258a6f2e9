"""What tests on a booted Debian with the packages share: see debian_packages.py."""

from __future__ import annotations

import json
import re
import shutil
import sys
import unittest
from pathlib import Path

from debian_tree import Booted
from process import LabError, wait_until

PROBE = "vpn-sentinel-probe@vpn.service"
HUB = "vpn-sentinel-hub.service"
ASK = """import sys, urllib.request
request = urllib.request.Request("http://127.0.0.1:5000/api/v1" + sys.argv[1], headers={"X-API-Key": sys.argv[2]} if sys.argv[2] else {})
sys.stdout.write(urllib.request.urlopen(request, timeout=5).read().decode())
"""
# What belongs to dpkg, systemd and the day, not to a package.
NOT_OURS = re.compile(
    r"/(var/(lib/dpkg|lib/apt|lib/systemd|log|cache|tmp)|tmp|root|run|proc|sys|dev|"
    r"etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|etc/\.pwd\.lock)"
)


class OnDebian(unittest.TestCase):
    machine: Booted
    old: list[Path]
    new: list[Path]
    newer: list[Path]
    clean: set[str]
    key = ""

    def shell(self, text: str, check: bool = True) -> str:
        return self.machine("sh", "-ec", text, check=check)

    def show(self, unit: str, name: str) -> str:
        return self.machine("systemctl", "show", "-P", name, unit).strip()

    def ask(self, path: str) -> dict:
        return json.loads(self.machine.in_network(sys.executable, "-c", ASK, path, self.key))

    def state(self) -> str:
        try:
            return self.ask("/clients/office")["state"]
        except LabError:
            return "unknown"

    def wait_for(self, state: str, seconds: float = 20) -> None:
        wait_until(lambda: self.state() == state, seconds, f"the hub shows {state}", 0.05)

    def install(self, debs: list[Path], options: str = "") -> None:
        folder = self.machine.root / "root/debs"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for deb in debs:
            shutil.copy(deb, folder)
        # Where dpkg has to ask it finds nobody, and fails.
        self.shell(f"dpkg {options} -i /root/debs/*.deb </dev/null")

    def files(self) -> set[str]:
        found = self.shell("find / -xdev -not -type l -o -xdev -type l").splitlines()
        return {name for name in found if not NOT_OURS.match(name)}

    def tables(self) -> str:
        return self.shell("ip netns exec vpn nft list tables")

    def seconds_to_verdict(self) -> tuple[float, float]:
        """From the program's start to READY=1, and to its first verdict."""
        started = int(self.show(PROBE, "ExecMainStartTimestampMonotonic")) / 1e6
        ready = int(self.show(PROBE, "ActiveEnterTimestampMonotonic")) / 1e6
        verdict = 0.0

        def told() -> bool:
            nonlocal verdict
            pid = self.show(PROBE, "MainPID")
            journal = self.machine("journalctl", "-o", "json", f"_PID={pid}", "--no-pager")
            lines = [json.loads(line) for line in journal.splitlines()]
            found = [line for line in lines if "event=verdict" in str(line["MESSAGE"])]
            verdict = int(found[0]["__MONOTONIC_TIMESTAMP"]) / 1e6 if found else 0.0
            return bool(found)

        wait_until(told, 20, "the first verdict", 0.2)
        return ready - started, verdict - started

    def assert_installed(self, version: str) -> None:
        told = self.shell("dpkg-query -W -f '${Version} ${db:Status-Abbrev}\\n' vpn-sentinel-hub vpn-sentinel-probe").splitlines()
        self.assertEqual([line.strip() for line in told], [f"{version} ii"] * 2)
