"""Network namespaces: making, entering and configuring them.

Programs enter with `nsenter --net`, not with `ip netns exec`: the latter also remounts /sys, which hides the cgroup
tree from BPF programs under test. Python code enters in a thread made for it, so no other code ever runs in the wrong
namespace; a socket made there stays in the namespace after the thread has ended.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from process import Identity, LabError, run

_FOLDER = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
Value = TypeVar("Value")


def path(name: str) -> Path:
    return _FOLDER / name


def create(names: Iterable[str]) -> None:
    run(["ip", "-batch", "-"], "".join(f"netns add {name}\n" for name in names))


def delete(names: Iterable[str]) -> None:
    present = [name for name in names if path(name).exists()]
    run(["ip", "-force", "-batch", "-"], "".join(f"netns del {name}\n" for name in present), check=False)


def enter(name: str, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` in the namespace; the pid stays the same from here to the program."""
    return ["nsenter", f"--net={path(name)}", "--", *argv]


def call(name: str, function: Callable[..., Value], *args: object) -> Value:
    """Calls a Python function in the namespace, in a thread that lives as long as the call."""
    outcome: dict[str, object] = {}

    def body() -> None:
        try:
            with path(name).open("rb") as file:
                if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
                    raise LabError(f"cannot enter {name}: {os.strerror(ctypes.get_errno())}")
            outcome["value"] = function(*args)
        except BaseException as error:  # handed to the caller's thread, whatever it is
            outcome["error"] = error

    thread = threading.Thread(target=body, name=f"in-{name}")
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]  # type: ignore[misc]
    return outcome["value"]  # type: ignore[return-value]


def ip(name: str, lines: Iterable[str], force: bool = False) -> None:
    """Runs `ip` commands in the namespace; `force` goes on after a failed line.

    A line may begin with -4 or -6. `ip` takes the family only for a whole batch, so each run of lines with the same
    one is a batch of its own.
    """
    for family, group in itertools.groupby(lines, key=_family):
        text = "".join(f"{line.removeprefix(family).strip()}\n" for line in group)
        options = [*([family] if family else []), *(["-force"] if force else [])]
        run(["ip", *options, "-n", name, "-batch", "-"], text, check=not force)


def _family(line: str) -> str:
    return line[:2] if line.startswith(("-4", "-6")) else ""


def nft(name: str, rules: str) -> None:
    run(enter(name, ["nft", "-f", "-"]), rules)


def sysctl(name: str, values: Mapping[str, int]) -> None:
    """Sets sysctls below net/. /proc/sys/net shows the namespace of the thread that opens the file."""

    def write() -> None:
        for key, value in values.items():
            Path("/proc/sys/net", key).write_text(f"{value}\n")

    call(name, write)


def processes_in(names: Iterable[str]) -> list[Identity]:
    """Every process that stands in one of the namespaces, except the calling one.

    This finds what no record knows: children of the daemons, and programs whose starter was killed before it could
    write down their pid.
    """
    wanted = {(s.st_dev, s.st_ino) for s in (path(n).stat() for n in names if path(n).exists())}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        identity = Identity.of(int(entry.name))
        try:
            space = (entry / "ns/net").stat()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if identity is not None and (space.st_dev, space.st_ino) in wanted:
            found.append(identity)
    return found


class ReadyIp:
    """An `ip` process that already runs in the namespace and waits for its commands.

    Starting a program takes milliseconds, which is more than the thing that tests measure. So the program is started
    first, and the time is taken just before the command is handed to it.
    """

    def __init__(self, name: str, family: str = "") -> None:
        """`family` is -4 or -6 for commands that do not show it by an address."""
        pipe = subprocess.PIPE
        argv = enter(name, ["ip", *([family] if family else []), "-batch", "-"])
        self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("link show dev lo\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            self._finish()

    def run(self, lines: Sequence[str]) -> int:
        """Carries the commands out and returns the CLOCK_MONOTONIC time (ns) just before the first of them."""
        assert self._process.stdin
        text = "".join(f"{line}\n" for line in lines)
        started = time.monotonic_ns()
        self._process.stdin.write(text)
        self._process.stdin.flush()
        self._finish()
        return started

    def _finish(self) -> None:
        _, complaint = self._process.communicate(timeout=10)
        if self._process.returncode != 0:
            raise LabError(f"ip failed: {complaint.strip()}")
