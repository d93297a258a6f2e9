#!/usr/bin/env python3
"""Kills a hub while it rolls reports up and removes them: each acknowledged report is counted once, in the roll-up or still to come.

    hub_housekeeping.py --build FOLDER [--rounds N] [--seconds S] [--seed N]

The database may be no larger than a few MiB, so that under load nearly all of the time goes into housekeeping. No probe changes its state:
changes would take the room, and then days were removed, too.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from hub_daemon import HubDaemon, Simulator
from hub_store_check import DATABASE, Acknowledged

PROBES, RATE = 100, 3000
LARGEST_MIB = 3
# Of the reports that were stored when a hub was killed, so that nobody was told; they are sent again and told to be duplicates, but for
# those that were removed meanwhile.
UNTOLD = 200


def counts(folder: Path) -> tuple[int, int, str]:
    """Reports in the roll-up by days, reports that it does not have yet, and what the integrity check says; of a copy."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as copy:
        for name in (DATABASE, f"{DATABASE}-wal"):
            if (folder / name).exists():
                shutil.copyfile(folder / name, Path(copy) / name)
        with closing(sqlite3.connect(Path(copy) / DATABASE)) as database:
            whole = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            mark = database.execute("SELECT coalesce(max(value), 0) FROM marks WHERE name = 'rolled_up'").fetchone()[0]
            rolled = database.execute("SELECT coalesce(sum(reports), 0) FROM samples WHERE resolution = 2").fetchone()[0]
            return rolled, database.execute("SELECT count(*) FROM reports WHERE id > ?", (mark,)).fetchone()[0], whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=18, help="begin no more rounds after this time")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    build, dice = given.build.resolve(), random.Random(given.seed)
    complaints: list[str] = []
    rounds, removing = 0, 0
    begun = time.monotonic()
    with HubDaemon(build, VPN_SENTINEL_DATABASE_SIZE_MB=str(LARGEST_MIB)) as hub:
        record = hub.folder / "acknowledged"
        known = Acknowledged(record)
        with Simulator(build, hub.url, given.seconds + 30, probes=PROBES, rate=RATE, changes=0, record=record) as simulator:
            while rounds < given.rounds and time.monotonic() - begun < given.seconds and not complaints:
                hub.start()
                time.sleep(dice.uniform(0.5, 2.0))
                told = len(known.update())
                hub.kill()
                rounds += 1
                rolled, waiting, whole = counts(hub.data)
                removing += rolled > 0
                if whole != "ok":
                    complaints.append(f"round {rounds}: integrity_check: {whole}")
                if rolled + waiting < told:
                    complaints.append(f"round {rounds}: of {told} acknowledged reports {rolled} are rolled up and {waiting} wait")
            hub.start()
            simulator.end()
        if hub.stop() != 0:
            complaints.append("the hub did not end in order")
        rolled, waiting, whole = counts(hub.data)
        told = len(known.update())
        if whole != "ok" or not told <= rolled + waiting <= told + UNTOLD * (rounds + 1):
            complaints.append(f"at the end ({whole}): of {told} acknowledged reports {rolled} are rolled up and {waiting} wait")
    for complaint in complaints:
        print(complaint)
    print(f"killed {rounds} times, {removing} times after reports were rolled up and removed; {told} acknowledged, {rolled} rolled up, {waiting} wait")
    if complaints:
        print(f"seed {given.seed}")
    return 0 if not complaints and removing > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
