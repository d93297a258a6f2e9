"""`vpn-sentinel-probe watch --json` in the lab's `host`, as a user would run it, and what it has said."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import Lab
from network import DNS


@dataclass(frozen=True)
class Line:
    received_ns: int
    state: str
    findings: tuple[str, ...]
    cause: str
    evidence: str  # of all findings, as JSON


class Watcher:
    """With the lab's services as its settings, and `more` as its last arguments."""

    def __init__(self, lab: Lab, binary: Path, netns: str, more: Sequence[str]) -> None:
        argv = [
            str(binary), "watch", "--json", "--config", str(lab.folder / "empty.toml"),
            "--netns", f"name:{netns}", "--client-id", "matrix",
            # Rows follow each other so fast that every one of them would count as flapping.
            "--debounce", "false",
            "--trace-urls", "https://trace.lab.test/cdn-cgi/trace", "--resolvers", DNS["v4"], "--whoami-servers", DNS["v4"],
            "--liveness-server", DNS["v4"], "--ca-file", str(lab.ca_file), "--timeout", "3s",
            # Rows change the network more often than six names take, which would leave no time to ask them.
            "--egress-names", "2", *more,
        ]  # fmt: skip
        (lab.folder / "empty.toml").write_text("")
        self.process = lab.popen("host", argv, "watch", stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines: queue.Queue[Line | None] = queue.Queue()  # None: the probe has ended
        self.last: Line | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for text in self.process.stdout:
            received = time.monotonic_ns()
            value = json.loads(text)
            if value["trigger"] == "held":  # for the record; nobody is told
                continue
            codes = tuple(finding["code"] for finding in value["findings"])
            self.lines.put(Line(received, value["state"], codes, value["cause"], json.dumps(value["findings"])))
        self.lines.put(None)

    def wait(self, state: str, findings: Collection[str], seconds: float) -> Line | None:
        """The first line that says so; None when the time is over, or the probe has ended."""
        return self.wait_until(lambda line: line.state == state and set(findings) <= set(line.findings), seconds)

    def wait_until(self, fits: Callable[[Line], bool], seconds: float) -> Line | None:
        """The first line that fits; None as above."""
        deadline = time.monotonic() + seconds
        while line := self._next(deadline):
            if fits(line):
                return line
        return None

    def listen(self, seconds: float, most: int | None = None) -> list[Line]:
        """Every line of a moment in which changes may come; at the latest until there are `most`."""
        heard: list[Line] = []
        deadline = time.monotonic() + seconds
        while len(heard) != most and (line := self._next(deadline)):
            heard.append(line)
        return heard

    def _next(self, deadline: float) -> Line | None:
        """None when the time is over, or the probe has ended."""
        try:
            line = self.lines.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            return None
        if line is None:
            self.lines.put(None)
            return None
        self.last = line
        return line

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(5)


def _endpoint(lab: Lab) -> list[str]:
    """Named where the VPN has a route to its server; where it marks its packets instead, as wg-quick does, nobody names it."""
    return ["--endpoint", lab.endpoint] if lab.mode in ("openvpn", "plain") else []


@contextmanager
def watching(lab: Lab, binary: Path, *more: str, netns: str | None = None) -> Iterator[Watcher]:
    """Watches `vpn`, or another namespace."""
    watcher = Watcher(lab, binary, netns or lab.netns("vpn"), [*_endpoint(lab), *more])
    try:
        yield watcher
    finally:
        watcher.close()
