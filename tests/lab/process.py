"""Starting, recognising and ending the lab's processes.

A process is known by pid *and* start time: a pid alone may belong to somebody else by the time a lab is cleaned up.
Signals go through a pidfd that was opened before the start time was checked, so there is no gap between the two.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


class LabError(RuntimeError):
    """The lab could not do what was asked; the message says what and, where there is one, what the command printed."""


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    start: int

    @staticmethod
    def of(pid: int) -> Identity | None:
        """The identity of a running process, or None when there is none.

        A zombie has ended, unless it is the first thread of a program whose other threads still hold its files.
        """
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The command name is in parentheses and may hold spaces and parentheses: count from the last one.
        fields = text[text.rindex(")") + 2 :].split()
        ended = fields[0] in "ZX" and int(fields[17]) <= 1
        return None if ended else Identity(pid, int(fields[19]))

    def alive(self) -> bool:
        return Identity.of(self.pid) == self

    def send(self, sig: int) -> bool:
        """Signals exactly this process; False when it is already gone."""
        try:
            fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.alive():
                return False
            signal.pidfd_send_signal(fd, sig)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(fd)


def wait_until(condition: Callable[[], bool], seconds: float, what: str, interval: float = 0.01) -> None:
    """Polls until the condition holds; raises LabError when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(interval)


def end(processes: Sequence[Identity], grace: float = 2.0) -> None:
    """Ends processes together: SIGTERM, up to `grace` seconds of patience, then SIGKILL."""
    running = [p for p in processes if p.send(signal.SIGTERM if grace > 0 else signal.SIGKILL)]
    try:
        wait_until(lambda: not any(p.alive() for p in running), max(grace, 2.0), "processes end", 0.005)
    except LabError:
        for process in running:
            process.send(signal.SIGKILL)
        wait_until(lambda: not any(p.alive() for p in running), 5.0, "killed processes end", 0.005)


def spawn(argv: Sequence[str], log: Path | None, die_with_owner: bool, **options: object) -> subprocess.Popen:
    """Starts a background process in its own session, so that Ctrl-C in a terminal ends the test and not the tunnel.

    The kernel delivers the death signal when the *thread* that started the child ends. So it is asked for only in the
    main thread, whose end is the end of the process; children of other threads are left to the sweep.
    """
    if die_with_owner and threading.current_thread() is threading.main_thread():
        argv = ["setpriv", "--pdeathsig", "KILL", *argv]
    options.setdefault("stdin", subprocess.DEVNULL)
    if log is None:
        return subprocess.Popen(argv, start_new_session=True, **options)
    with log.open("ab") as output:
        return subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options)


def run(argv: Sequence[str], input: str | None = None, timeout: float = 20.0, check: bool = True) -> str:
    """Runs a short command and returns what it printed; a failure carries the command and its complaint."""
    try:
        done = subprocess.run(argv, input=input, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as late:
        raise LabError(f"no end after {timeout:g} s: {' '.join(argv)}") from late
    if check and done.returncode != 0:
        raise LabError(f"exit {done.returncode}: {' '.join(argv)}\n{input or ''}{done.stderr.strip()}")
    return done.stdout
