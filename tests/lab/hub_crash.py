#!/usr/bin/env python3
"""Kills a hub under load at random moments: what it acknowledged must be in its database, each report once.

    hub_crash.py --build FOLDER [--rounds N] [--seconds S] [--seed N]      # by hand: --rounds 1000 --seconds 1200

200 simulated probes report without a pause and send again whatever was not acknowledged, as probes do. After each SIGKILL the files
are looked at as they were left, then the next hub starts with them. Before the files get large, a new database is begun.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

from hub_daemon import HubDaemon, Simulator
from hub_store_check import DATABASE, Acknowledged, complaints_about, complaints_about_copy

PROBES, RATE = 200, 2000
# Seconds that a hub works before it is killed; one in eight is killed while it starts, one in eight when it has begun to roll up.
LONGEST, LONGEST_START = 0.3, 0.1
ROLLS_UP_AFTER = 1.0
LARGEST_BYTES = 48 * 2**20


class Epoch:
    """One database, from its first report until it has become large."""

    def __init__(self, build: Path, dice: random.Random) -> None:
        self.build, self.dice = build, dice
        self.rounds = self.under_load = self.reports = 0
        self.complaints: list[str] = []

    def run(self, rounds: int, deadline: float) -> None:
        with HubDaemon(self.build) as hub:
            record = hub.folder / "acknowledged"
            self.known = Acknowledged(record)
            mix = {"probes": PROBES, "rate": RATE, "changes": 0.02, "findings": 0.05, "duplicates": 0.05, "late": 0.05}
            left = deadline - time.monotonic() + 60
            with Simulator(self.build, hub.url, left, record=record, **mix) as simulator:
                while self.rounds < rounds and time.monotonic() < deadline and not self.complaints and self._small(hub):
                    self._round(hub)
                self._end(hub, simulator)
            self.reports = len(self.known.times)

    @staticmethod
    def _small(hub: HubDaemon) -> bool:
        file = hub.data / DATABASE
        return not file.exists() or file.stat().st_size < LARGEST_BYTES

    def _round(self, hub: HubDaemon) -> None:
        before = len(self.known.update())
        if self.dice.random() < 1 / 8:
            hub.launch()
            time.sleep(self.dice.uniform(0, LONGEST_START))
        else:
            hub.start()
            begun = ROLLS_UP_AFTER if self.dice.random() < 1 / 7 else 0
            time.sleep(begun + self.dice.uniform(0, LONGEST))
        hub.kill()
        self.rounds += 1
        self.under_load += len(self.known.update()) > before
        self._note(hub, f"round {self.rounds}", complaints_about_copy(hub.data, self.known.times))

    def _end(self, hub: HubDaemon, simulator: Simulator) -> None:
        """The last hub is stopped in order, and knows every client."""
        hub.start()
        simulator.end()
        clients = {client["client_id"] for client in json.loads(hub.fetch("/api/v1/clients?limit=1000")[1])["clients"]}
        unknown = {client for client, _, _ in self.known.update()} - clients
        self._note(hub, "at the end", [f"the API does not know {name}" for name in sorted(unknown)[:3]])
        code = hub.stop()
        self._note(hub, "at the end", [f"exit code {code}"] if code != 0 else [])
        self._note(hub, "at the end", complaints_about(hub.data, self.known.times))

    def _note(self, hub: HubDaemon, when: str, found: list[str]) -> None:
        self.complaints += [f"{when}: {text}" for text in found]
        if found:
            self.complaints.append(hub.log.read_text()[-2000:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60, help="begin no more rounds after this time")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    dice = random.Random(given.seed)
    begun = time.monotonic()
    rounds = under_load = reports = 0
    while rounds < given.rounds and time.monotonic() - begun < given.seconds:
        epoch = Epoch(given.build.resolve(), dice)
        epoch.run(given.rounds - rounds, begun + given.seconds)
        rounds, under_load, reports = rounds + epoch.rounds, under_load + epoch.under_load, reports + epoch.reports
        for complaint in epoch.complaints:
            print(complaint)
        if epoch.complaints:
            print(f"seed {given.seed}")
            return 1
    print(f"killed {rounds} times ({under_load} times after new acknowledgements), {reports} reports acknowledged, none lost, none twice")
    return 0 if under_load > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
