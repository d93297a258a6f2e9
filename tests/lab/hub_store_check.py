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
# Of those that the hub holds for entered: which are not, and entries that point to another report or to none.
_NOT_ENTERED = """SELECT reports.id FROM reports LEFT JOIN boots USING (client, boot_id)
LEFT JOIN numbers ON numbers.boot = boots.id AND numbers.seq = reports.seq AND numbers.report = reports.id
WHERE boot_id <> '' AND numbers.report IS NULL AND reports.id <= (SELECT max(value) FROM marks WHERE name = 'numbered')"""
_ENTERED_WRONGLY = """SELECT numbers.report FROM numbers JOIN boots ON boots.id = numbers.boot
LEFT JOIN reports ON reports.id = numbers.report
WHERE reports.id IS NULL OR (reports.client, reports.boot_id, reports.seq) <> (boots.client, boots.boot_id, numbers.seq)"""


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
            not_entered = database.execute(_NOT_ENTERED).fetchall()
            entered_wrongly = database.execute(_ENTERED_WRONGLY).fetchall()
    except sqlite3.DatabaseError as error:
        # Before the first start has made the tables nothing can have been acknowledged.
        return [f"cannot be read: {error}"] if acknowledged else []
    found = [] if damage == ["ok"] else [f"integrity_check: {text}" for text in damage]
    missing = [key for key in acknowledged if key not in stored]
    twice = [key for key, count in stored.items() if count > 1]
    found += [f"not in the index of numbers: {len(not_entered)} reports"] if not_entered else []
    found += [f"wrong in the index of numbers: {len(entered_wrongly)} entries"] if entered_wrongly else []
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
