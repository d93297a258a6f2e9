"""What a hub's database must hold: each acknowledged report once, and nothing damaged."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

Key = tuple[str, str, int]  # client_id, boot_id, seq

DATABASE = "hub.db"
# NOT INDEXED: the index that keeps reports unique must not be what says that they are.
_REPORTS = "SELECT client_id, boot_id, seq FROM reports NOT INDEXED JOIN names ON names.id = reports.client"


class Acknowledged:
    """The simulator's record, read again and again while it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self.times: dict[Key, int] = {}
        """When the acknowledgement was there, CLOCK_MONOTONIC in ns."""

    def update(self) -> dict[Key, int]:
        if not self._file.exists():
            return self.times
        with self._file.open("rb") as record:
            record.seek(self._read)
            new = record.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            client, boot, seq, time = line.split()
            self.times[client, boot, int(seq)] = int(time)
        return self.times


def complaints_about(folder: Path, acknowledged: set[Key] | dict[Key, int]) -> list[str]:
    """What is wrong with the database in `folder`, which is opened and thereby changed."""
    try:
        with closing(sqlite3.connect(folder / DATABASE)) as database:
            damage = [row[0] for row in database.execute("PRAGMA integrity_check(5)")]
            stored = Counter(database.execute(_REPORTS))
    except sqlite3.DatabaseError as error:
        # Before the first start has made the tables nothing can have been acknowledged.
        return [f"cannot be read: {error}"] if acknowledged else []
    found = [] if damage == ["ok"] else [f"integrity_check: {text}" for text in damage]
    missing = [key for key in acknowledged if key not in stored]
    twice = [key for key, count in stored.items() if count > 1]
    found += [f"acknowledged and lost: {key}" for key in missing[:3]] + [f"stored twice: {key}" for key in twice[:3]]
    if len(missing) + len(twice) > 6:
        found.append(f"{len(missing)} lost, {len(twice)} twice")
    return found


def complaints_about_copy(folder: Path, acknowledged: set[Key] | dict[Key, int]) -> list[str]:
    """The same, with a copy of what a dead hub left, so that the next hub finds its files as they were."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as copy:
        for name in (DATABASE, f"{DATABASE}-wal"):
            if (folder / name).exists():
                shutil.copyfile(folder / name, Path(copy) / name)
        return complaints_about(Path(copy), acknowledged)
