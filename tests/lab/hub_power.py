#!/usr/bin/env python3
"""The power fails while a hub works: what it acknowledged must be in the database that the disk has then, whatever else arrived.

    hub_power.py --build FOLDER [--images N] [--load SECONDS] [--seed N]

A hub under load runs with all its writes and flushes recorded. From the record come images of its files at random moments; each is
opened and compared with what had been acknowledged by that moment, and a hub is started with some of them.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from disk_images import Call, Disk, read_log
from hub_daemon import HubDaemon, simulate
from hub_store_check import DATABASE, Acknowledged, Key, complaints_about

RATE = 1500
# A start of the hub costs as much as many looks by SQLite.
HUB_EVERY = 15


def record(build: Path, folder: Path, load_seconds: float) -> tuple[list[Call], dict[Key, int]]:
    """All calls of a hub under load that is killed at the end, and when each report was acknowledged."""
    with HubDaemon(build) as hub:
        hub.data.mkdir()
        log = folder / "calls"
        preload = {"LD_PRELOAD": str(build / "record_writes.so"), "RECORD_WRITES_LOG": str(log)}
        hub.start(RECORD_WRITES_FOLDER=str(hub.data), **preload)
        acknowledged = folder / "acknowledged"
        mix = {"changes": 0.02, "findings": 0.05, "duplicates": 0.05, "late": 0.05}
        simulate(build, hub.url, load_seconds, probes=200, rate=RATE, record=acknowledged, **mix)
        hub.kill()
        calls = list(read_log(log))
        log.unlink()
        return calls, Acknowledged(acknowledged).update()


def moments(calls: list[Call], count: int, dice: random.Random) -> list[int]:
    """Numbers of calls before which the power fails; half of them while the database itself is written, which is seldom."""
    rare = [number for number, call in enumerate(calls) if call.name == DATABASE]
    chosen = {dice.randrange(len(calls)) for _ in range(count)}
    chosen |= {dice.choice(rare) for _ in range(count)} if rare else set()
    return sorted(dice.sample(sorted(chosen), min(count, len(chosen))))


def start_a_hub(build: Path, image: Path) -> list[str]:
    with HubDaemon(build, image) as hub:
        try:
            hub.start()
            healthy = hub.healthy()
            code = hub.stop()
        except AssertionError as error:
            return [str(error)]
        return ([] if healthy else ["the hub is not healthy"]) + ([] if code == 0 else [f"the hub's exit code is {code}"])


class Proof:
    def __init__(self, build: Path, folder: Path, load_seconds: float, dice: random.Random) -> None:
        self.build, self.folder, self.dice = build, folder, dice
        self.calls, self.acknowledged = record(build, folder, load_seconds)
        self.images = 0

    def complaints_at(self, disk: Disk, moment: int, with_a_hub: bool = False) -> list[str]:
        """What is wrong with one image of `disk`, which has taken the calls before `moment`."""
        by_then = {key for key, when in self.acknowledged.items() if when < self.calls[moment].time}
        with tempfile.TemporaryDirectory(dir=self.folder) as image:
            disk.write_image(Path(image), self.dice)
            found = start_a_hub(self.build, Path(image)) if with_a_hub else []
            found += complaints_about(Path(image), by_then)
        return found + [f"before call {moment} of {len(self.calls)}, {len(by_then)} acknowledged"] if found else []

    def sees_a_lying_disk(self) -> bool:
        disk, moment = Disk(lies=True), len(self.calls) // 2
        for call in self.calls[:moment]:
            disk.take(call)
        return any(self.complaints_at(disk, moment) for _ in range(5))

    def run(self, images: int, deadline: float) -> list[str]:
        disk, done = Disk(), 0
        for moment in moments(self.calls, images, self.dice):
            if time.monotonic() > deadline:
                break
            for call in self.calls[done:moment]:
                disk.take(call)
            done = moment
            self.images += 1
            if found := self.complaints_at(disk, moment, self.images % HUB_EVERY == 0):
                return found
        return []

    def flushes(self, name: str | None = None) -> int:
        return sum(call.kind == "e" and (name is None or call.name == name) for call in self.calls)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--load", type=float, default=6, help="seconds that the hub works")
    parser.add_argument("--seconds", type=float, default=45, help="make no more images after this time")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    deadline = time.monotonic() + given.seconds
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=f"vs{os.getpid()}-power-", dir=memory) as folder:
        proof = Proof(given.build.resolve(), Path(folder), given.load, random.Random(given.seed))
        if not proof.sees_a_lying_disk():
            print("a disk that forgets what was flushed was not noticed: this proof would prove nothing")
            return 1
        if found := proof.run(given.images, deadline):
            print(*found, f"image {proof.images}, seed {given.seed}", sep="\n")
            return 1
    checkpoints = proof.flushes(DATABASE)
    print(f"{len(proof.calls)} calls, {proof.flushes()} flushes ({checkpoints} of the database itself)")
    print(f"{len(proof.acknowledged)} reports acknowledged; {proof.images} images of a disk without power: all open, nothing is lost or twice")
    return 0 if proof.acknowledged and proof.images and checkpoints else 1


if __name__ == "__main__":
    sys.exit(main())
