"""What is written down about a lab, so that another process can use it, and clean it up after a crash.

One folder per lab under /run/vpn-sentinel-lab. The record is written before the first namespace is made and removed
after the last one is gone: whatever kills the owner, the record is enough to remove the lab.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from process import Identity, LabError

ROOT = Path("/run/vpn-sentinel-lab")
_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,23}")


def folder(prefix: str) -> Path:
    if not _PREFIX.fullmatch(prefix):
        raise LabError(f"a prefix is a letter and up to 23 letters, digits or dashes, not {prefix!r}")
    return ROOT / prefix


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Held while a prefix is claimed and while namespaces are made or deleted: the first `ip netns add` of a machine
    mounts its folder and races with a second one."""
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass
class Record:
    """`owner` is the process whose death makes the lab garbage; None means: kept until somebody takes it down."""

    prefix: str
    owner: Identity | None
    ipv6: str = "tunnelled"
    mode: str = "none"
    processes: dict[str, Identity] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return folder(self.prefix)

    def exists(self) -> bool:
        return (self.folder / "lab.json").exists()

    def save(self) -> None:
        """Replaces the file in one step, so that a reader never sees half of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {
                "prefix": self.prefix,
                "owner": _plain(self.owner),
                "ipv6": self.ipv6,
                "mode": self.mode,
                "processes": {name: _plain(process) for name, process in self.processes.items()},
            },
            indent=1,
        )
        fresh = self.folder / f"lab.json.{os.getpid()}"
        fresh.write_text(text)
        fresh.replace(self.folder / "lab.json")

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def orphaned(self) -> bool:
        return self.owner is not None and not self.owner.alive()


def load(prefix: str) -> Record:
    try:
        data = json.loads((folder(prefix) / "lab.json").read_text())
    except FileNotFoundError:
        raise LabError(f"there is no lab {prefix!r}; make one with: lab.py --prefix {prefix} up") from None
    processes = {name: Identity(**process) for name, process in data["processes"].items()}
    owner = Identity(**data["owner"]) if data["owner"] else None
    return Record(data["prefix"], owner, data["ipv6"], data["mode"], processes)


def all_records() -> list[Record]:
    """Every lab of this machine that has a record."""
    found = []
    for file in sorted(ROOT.glob("*/lab.json")) if ROOT.is_dir() else []:
        with contextlib.suppress(LabError):  # removed by its owner meanwhile
            found.append(load(file.parent.name))
    return found


def _plain(process: Identity | None) -> dict[str, int] | None:
    return None if process is None else {"pid": process.pid, "start": process.start}
