"""Programs that leak, each in another way: what they are called, and how a lab starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import Lab
from network import WEB
from process import wait_until

PORT = 4444
_SCRIPT = Path(__file__).with_name("leaker.py")
# What leaks: in words, and as (kind, address).
LEAKS = {
    "TCP": ("tcp", WEB["v4"]),
    "TCP over IPv6": ("tcp", WEB["v6"]),
    "UDP after connect(2)": ("udp", WEB["v4"]),
    "UDP over IPv6": ("udp", WEB["v6"]),
    "UDP by sendto(2)": ("sendto", WEB["v4"]),
    "UDP as QUIC sends it": ("quic", WEB["v4"]),
    "ICMP": ("icmp", WEB["v4"]),
    "a packet socket": ("packet", WEB["v4"]),
    "a socket that is older than the probe": ("older", WEB["v4"]),
    "a socket that another process connected": ("handed", WEB["v4"]),
    "a program that another one starts": ("forked", WEB["v4"]),
    "a program that lives for a moment": ("short", WEB["v4"]),
    "a program in a container": ("container", WEB["v4"]),
}
CONTAINER = f"c0ffee{os.getpid():06x}" + 52 * "0"


def cgroup_tree() -> Path:
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line]
    return Path(lines[0][4])


def removed(folder: Path) -> bool:
    with suppress(OSError):
        folder.rmdir()
    return not folder.exists()


class Leak:
    """A running leaker."""

    def __init__(self, process: subprocess.Popen, kind: str) -> None:
        self.process, self.kind = process, kind
        self.sender = 0
        if kind == "older":
            process.stdout.readline()

    def send(self) -> int:
        """When it was sent, in ns; a moment too late."""
        if self.kind == "older":
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        self.sender = int(self.process.stdout.readline().split()[1])
        return time.monotonic_ns()


class Leakers:
    """Starts them in the lab's namespace "vpn"."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        # Its name is what the kernel tells, so that it must not be "python3".
        self._program = lab.folder / "hidden-leaker"
        self._program.symlink_to(sys.executable)
        self._cgroup = cgroup_tree() / f"docker-{CONTAINER}.scope"
        self._cgroup.mkdir()

    def close(self) -> None:
        wait_until(lambda: removed(self._cgroup), 15, "the cgroup is empty")

    @contextmanager
    def started(self, kind: str, address: str = WEB["v4"], port: int = PORT, seconds: float = 30) -> Iterator[Leak]:
        more = str(self._program) if kind == "forked" else str(self._cgroup) if kind == "container" else ""
        argv = [str(self._program), str(_SCRIPT), kind, address, str(port), str(seconds), more]
        process = self._lab.popen("vpn", argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        leak = Leak(process, kind)
        try:
            yield leak
        finally:
            for pid in {leak.sender, process.pid} - {0}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(5)
            process.stdin.close()
            process.stdout.close()
