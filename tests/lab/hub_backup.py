#!/usr/bin/env python3
"""A backup that is interrupted leaves nothing behind, touches nothing and says so; the hub goes on under load all the time.

    hub_backup.py --build FOLDER [--rounds N] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from hub_daemon import HubDaemon, Simulator, simulate
from hub_store_check import Acknowledged, complaints_about

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOST_ROUNDS = 60


class BackupProof:
    def __init__(self, hub: HubDaemon, dice: random.Random) -> None:
        self.hub, self.dice = hub, dice
        self.complaints: list[str] = []
        self.whole = 0
        self.stopped = {number: 0 for number in SIGNALS}

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            self.complaints.append(what)

    def command(self, *arguments: object) -> subprocess.Popen:
        argv = [str(self.hub.binary), *map(str, arguments), "--data-dir", str(self.hub.data)]
        environment = {"PATH": "/usr/bin:/bin"}
        return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finished(self, target: Path) -> float:
        """One that nobody interrupts: how long it takes."""
        begun = time.monotonic()
        backup = self.command("backup", target)
        _, told = backup.communicate(timeout=30)
        self.require(backup.returncode == 0, f"a backup ends with {backup.returncode}: {told}")
        return time.monotonic() - begun

    @staticmethod
    def remove(target: Path) -> None:
        for each in target.parent.glob(f"{target.name}*"):
            each.unlink()

    def interrupted(self, number: signal.Signals, target: Path, after: float) -> None:
        backup = self.command("backup", target)
        time.sleep(after)
        backup.send_signal(number)
        _, told = backup.communicate(timeout=30)
        left = sorted(each.name for each in target.parent.glob(f"{target.name}*"))
        if backup.returncode == 0:
            self.whole += 1
            self.require(left == [target.name, f"{target.name}.accounts"], f"a finished backup left {left}")
            check = self.command("check-database", target)
            self.require(check.wait(30) == 0, f"a finished backup is not whole: {check.communicate()[0]}")
            self.remove(target)
            return
        self.require(left == [], f"an interrupted backup left {left}")
        if backup.returncode == -number:
            return  # before it had begun
        self.stopped[number] += 1
        self.require(backup.returncode == 128 + number, f"exit code {backup.returncode} after {number.name}: {told}")
        self.require("no backup was made" in told and "stopped" in told, f"{number.name} is not told: {told!r}")

    def run(self, rounds: int) -> None:
        target = self.hub.folder / "copy.db"
        longest = self.finished(target)
        self.remove(target)
        for number in (*SIGNALS * rounds, *SIGNALS * MOST_ROUNDS):
            if self.complaints or (min(self.stopped.values()) >= rounds):
                break
            self.interrupted(number, target, self.dice.uniform(0, longest))
        self.require(min(self.stopped.values()) > 0, f"no backup was interrupted in the middle: {self.stopped}")
        self.finished(target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    build = given.build.resolve()
    with HubDaemon(build) as hub:
        record = hub.folder / "acknowledged"
        hub.start()
        simulate(build, hub.url, 30, probes=200, connections=64, findings=0.5, requests=25_000, record=record)
        proof = BackupProof(hub, random.Random(given.seed))
        with Simulator(build, hub.url, 60, probes=50, rate=300, client_prefix="meanwhile", record=record) as simulator:
            proof.run(given.rounds)
            answers = {int(status) for status in simulator.end()["statuses"]}
        proof.require(answers == {200}, f"meanwhile reports were answered {answers}")
        proof.require(hub.stop() == 0, "the hub did not end in order")
        proof.complaints += complaints_about(hub.data, Acknowledged(record).update())
    for complaint in proof.complaints:
        print(complaint)
    stopped = ", ".join(f"{count} by {number.name}" for number, count in proof.stopped.items())
    print(f"interrupted in the middle: {stopped}; finished before the signal: {proof.whole}")
    if proof.complaints:
        print(f"seed {given.seed}")
    return 1 if proof.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
