#!/usr/bin/env python3
"""History moves from a hub that runs to another one, each thing once, though the import is killed again and again; backups have the accounts.

    hub_history.py --build FOLDER [--kills N] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from hub_daemon import HubDaemon, simulate


class HistoryProof:
    def __init__(self, old: HubDaemon, new: HubDaemon, dice: random.Random) -> None:
        self.old, self.new, self.dice = old, new, dice
        self.complaints: list[str] = []

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            self.complaints.append(what)

    def command(self, hub: HubDaemon, *arguments: object, text: str | None = None) -> subprocess.CompletedProcess:
        argv = [str(hub.binary), *map(str, arguments), "--data-dir", str(hub.data)]
        return subprocess.run(argv, env={"PATH": "/usr/bin:/bin"}, input=text, capture_output=True, text=True, timeout=120)

    def exported(self, hub: HubDaemon) -> list[str]:
        done = self.command(hub, "export", "-")
        self.require(done.returncode == 0, f"an export ends with {done.returncode}: {done.stderr}")
        return done.stdout.splitlines()

    def killed_imports(self, file: Path, kills: int) -> None:
        """Each is killed somewhere in the middle; the next one goes on."""
        argv = [str(self.new.binary), "import", str(file), "--data-dir", str(self.new.data)]
        for _ in range(kills):
            running = subprocess.Popen(argv, env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                running.wait(self.dice.uniform(0.05, 1.0))
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
                running.wait(20)

    def run_history(self, kills: int) -> int:
        file = self.old.folder / "history.jsonl"
        done = self.command(self.old, "export", file)
        self.require(done.returncode == 0, f"an export beside a hub ends with {done.returncode}: {done.stderr}")
        self.require(self.command(self.old, "export", file).returncode == 73, "an export overwrites a file")
        lines = file.read_text().splitlines()
        self.killed_imports(file, kills)
        done = self.command(self.new, "import", file)
        self.require(done.returncode == 0, f"an import ends with {done.returncode}: {done.stderr}")
        again = self.command(self.new, "import", "-", text=file.read_text())
        self.require(again.stdout.startswith("0 are new"), f"an import that is repeated says {again.stdout!r} {again.stderr!r}")

        def kept(exported: list[str]) -> list[str]:
            # What went on when it was exported has ended, and the hub's own presence goes on.
            return sorted(line for line in exported[1:] if json.loads(line)["type"] in ("report", "change"))

        self.require(kept(self.exported(self.new)) == kept(lines), "what was imported is not what was exported")
        wrong = self.command(self.new, "import", "-", text=f"{lines[0]}\n{{}}\n")
        self.require(wrong.returncode == 65 and "line 2: type: expected" in wrong.stderr, f"a wrong line is told as {wrong.stderr!r}")
        skipped = self.command(self.new, "import", "-", "--skip-wrong-lines", text=f"{lines[0]}\n{{}}\n{lines[1]}\n")
        self.require("1 lines were skipped" in skipped.stdout, f"a skipped line is told as {skipped.stdout!r}")
        self.require(self.command(self.old, "import", file).returncode == 73, "a hub that runs takes an import")
        return len(lines)

    def run_report(self) -> None:
        month = time.strftime("%Y-%m", time.gmtime())
        text = self.command(self.old, "report", "--month", month, "--json")
        self.require(text.returncode == 0, f"a report ends with {text.returncode}: {text.stderr}")
        report = json.loads(text.stdout)
        for each in (report["total"], *(subject["total"] for subject in report["reliability"])):
            parts = sum(each[f"{name}_s"] for name in ("protected", "warning", "contained", "danger", "offline", "unknown", "absent"))
            whole = each["length_s"] if each is not report["total"] else parts
            self.require(abs(parts - whole) < 1e-3, f"the parts make {parts} s of {each}")
        page = self.command(self.old, "report", "--month", month, "--html", "--zone", "Europe/Berlin")
        self.require(page.stdout.startswith("<!doctype html>") and "<script" not in page.stdout, "the report is no page")
        self.require(self.command(self.old, "report", "--month", "2026-13").returncode == 64, "a month that is none is taken")

    def run_backup(self) -> None:
        """The accounts of the backup are those of the hub."""
        made = self.command(self.old, "user", "add", "anna", "admin", text="correct horse battery\n")
        self.require(made.returncode == 0, f"no user is made: {made.stderr}")
        copy = self.old.folder / "copy.db"
        done = self.command(self.old, "backup", copy)
        self.require(done.returncode == 0, f"a backup ends with {done.returncode}: {done.stderr}")
        other = self.old.folder / "other"
        other.mkdir()
        Path(f"{copy}.accounts").rename(other / "accounts.db")
        copy.rename(other / "hub.db")
        argv = [str(self.old.binary), "user", "list", "--data-dir", str(other)]
        users = subprocess.run(argv, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60)
        self.require("anna" in users.stdout, f"the users of a backup are {users.stdout!r} {users.stderr!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    build = given.build.resolve()
    with HubDaemon(build) as old, HubDaemon(build) as new:
        old.start()
        new.data.mkdir(mode=0o700, exist_ok=True)
        simulate(build, old.url, 60, probes=200, connections=32, findings=0.5, requests=10_000)
        proof = HistoryProof(old, new, random.Random(given.seed))
        lines = proof.run_history(given.kills)
        proof.run_report()
        proof.run_backup()
        new.start()
        proof.require(new.healthy(), "a hub does not run on what was imported")
        proof.require(new.stop() == 0 and old.stop() == 0, "a hub did not end in order")
    for complaint in proof.complaints:
        print(complaint)
    print(f"{lines} lines, {given.kills} imports killed")
    if proof.complaints:
        print(f"seed {given.seed}")
    return 1 if proof.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
