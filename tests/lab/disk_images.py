"""What may be on a disk when the power fails, made from the log of record_writes.

A disk keeps everything that was flushed. Of what was written to a file since then it may have anything: nothing, all, the first few,
any of them in any order, and of each write any of its sectors of 512 bytes. A file that was removed may still be there until its
folder was flushed. A file that was flushed is there: file systems that forget its name then are not modelled.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HEADER = struct.Struct("=QQIHcx")
_SECTOR = 512


@dataclass(frozen=True)
class Call:
    time: int
    """CLOCK_MONOTONIC in ns when it began."""
    kind: str
    """w write, t truncate, b and e begin and end of a flush, u unlink."""
    name: str
    offset: int
    data: bytes


def read_log(file: Path) -> Iterator[Call]:
    """A record that is cut off at the end (the hub was killed) is left out."""
    with file.open("rb") as log:
        while len(head := log.read(_HEADER.size)) == _HEADER.size:
            time, offset, length, name_length, kind = _HEADER.unpack(head)
            body = log.read(name_length + length)
            if len(body) < name_length + length:
                return
            yield Call(time, kind.decode(), body[:name_length].decode(), offset, body[name_length:])


def _apply(content: bytearray, call: Call, sectors: set[int] | None = None) -> None:
    """`sectors`: which of the write arrived; None: all."""
    if call.kind == "w":
        for start in range(0, len(call.data), _SECTOR) if sectors is not None else (0,):
            if sectors is not None and start // _SECTOR not in sectors:
                continue
            piece = call.data[start : start + _SECTOR] if sectors is not None else call.data
            place = call.offset + start
            if len(content) < place:
                content.extend(bytes(place - len(content)))
            content[place : place + len(piece)] = piece
    elif call.offset < len(content):
        del content[call.offset :]
    else:
        content.extend(bytes(call.offset - len(content)))


@dataclass
class _File:
    flushed: bytearray | None = None
    """None: there is no such file."""
    since: list[Call] = field(default_factory=list)
    covered: int = 0
    """How many of `since` the flush that is under way covers."""

    def take(self, call: Call) -> None:
        if call.kind == "b":
            self.covered = len(self.since)
        elif call.kind == "e":
            self._settle()
        else:
            self.since.append(call)

    def settle_removal(self) -> None:
        """The folder was flushed: a file that was removed stays so."""
        removals = [number for number, call in enumerate(self.since) if call.kind == "u"]
        if removals:
            self.flushed = None
            del self.since[: removals[-1] + 1]

    def _settle(self) -> None:
        for call in self.since[: self.covered]:
            self.flushed = None if call.kind == "u" else self.flushed if self.flushed is not None else bytearray()
            if self.flushed is not None:
                _apply(self.flushed, call)
        del self.since[: self.covered]
        self.covered = 0

    def image(self, dice: random.Random) -> bytearray | None:
        content = None if self.flushed is None else bytearray(self.flushed)
        how = dice.choice(("nothing", "all", "first", "some", "torn"))
        stop = dice.randint(0, len(self.since)) if how == "first" else len(self.since)
        for call in self.since[:stop] if how != "nothing" else ():
            if how in ("some", "torn") and dice.random() < 0.5:
                continue
            if call.kind == "u":
                content = None
                continue
            count = -(-len(call.data) // _SECTOR)
            sectors = {number for number in range(count) if dice.random() < 0.5} if how == "torn" else None
            content = bytearray() if content is None else content
            _apply(content, call, sectors)
        return content


class Disk:
    """Takes the calls of a log one after the other; at any moment the power may fail.

    One that lies forgets what it was told to flush: what such a disk loses must be noticed, or a proof with a true one proves nothing.
    """

    def __init__(self, lies: bool = False) -> None:
        self._files: dict[str, _File] = {}
        self._lies = lies

    def take(self, call: Call) -> None:
        if self._lies and call.kind == "e":
            return
        if call.name != ".":
            self._files.setdefault(call.name, _File()).take(call)
        elif call.kind == "e":
            for file in self._files.values():
                file.settle_removal()

    def write_image(self, folder: Path, dice: random.Random) -> None:
        for name, file in self._files.items():
            content = file.image(dice)
            if content is not None:
                (folder / name).write_bytes(content)
