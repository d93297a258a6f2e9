#!/usr/bin/env python3
"""From a broken tunnel to the hub's live channel, and what hub and probe cost in memory. Never a limit.

    live.py --build FOLDER [--count N]

Each round sets the tunnel of a real WireGuard down and brings it back. Known tools in the same run are the yardsticks:
the first line of `ip -ts monitor` for time; for memory the same `ip`, and a curl that has fetched one page by HTTPS.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

from lab import Lab
from lab_requirements import skip_unless_possible
from network import WEB
from stack import Live, Stack, wait_for

AIM_MS, AIM_MIB = 5.0, 12.0


def percentile(samples: Sequence[float], part: float) -> float:
    """Nearest rank."""
    return sorted(samples)[max(1, math.ceil(part * len(samples))) - 1] if samples else math.nan


class IpMonitor:
    """`ip -ts monitor` in the protected namespace, and when its lines came."""

    def __init__(self, lab: Lab) -> None:
        # The pipe is made here, because the lab's own log files have no reader that could note times.
        pipe = {"stdout": subprocess.PIPE, "bufsize": 0}
        self.process = lab.popen("vpn", ["ip", "-ts", "monitor"], "ip-monitor", **pipe)
        self._arrivals: list[int] = []
        threading.Thread(target=self._read, daemon=True).start()

        def stirred() -> bool:
            lab.ip("vpn", "addr add 198.18.0.1/32 dev lo", "addr del 198.18.0.1/32 dev lo")
            return bool(self._arrivals)

        wait_for("ip -ts monitor prints something", stirred)

    def _read(self) -> None:
        assert self.process.stdout
        output = self.process.stdout.fileno()
        while os.read(output, 65536):
            self._arrivals.append(time.monotonic_ns())

    def first_after(self, moment: int) -> int | None:
        arrivals = list(self._arrivals)
        place = bisect_left(arrivals, moment)
        return arrivals[place] if place < len(arrivals) else None


@dataclass
class Times:
    """Milliseconds since just before the breaking command."""

    live: list[float] = field(default_factory=list)
    line: list[float] = field(default_factory=list)


def measure(lab: Lab, monitor: IpMonitor, count: int) -> Times:
    times = Times()
    live = Live(lab)
    with ThreadPoolExecutor(1) as reader:
        for _ in range(count):
            # The breaking command ends milliseconds after the break; a message that waited for us would look late.
            news = reader.submit(live.wait, "danger")
            time.sleep(0.05)
            broken = lab.break_tunnel("link_down")
            _, seen = news.result()
            times.live.append((seen - broken) / 1e6)
            line = wait_for("a line of ip -ts monitor", lambda since=broken: monitor.first_after(since))
            times.line.append((line - broken) / 1e6)
            news = reader.submit(live.wait, "secure", seconds=30)
            lab.heal()
            news.result()
    live.close()
    return times


def memory(pid: int) -> tuple[float, float, float]:
    """VmRSS, Pss and private memory in MiB."""
    rss = _kib(Path(f"/proc/{pid}/status"), "VmRSS")
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    private = _kib(rollup, "Private_Clean") + _kib(rollup, "Private_Dirty")
    return rss / 1024, _kib(rollup, "Pss") / 1024, private / 1024


def _kib(file: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(f"{name}:"))


def curl_memory(lab: Lab) -> tuple[float, float, float]:
    """Of a curl that has fetched one page by HTTPS. Its second page is a pipe that ends when we say so."""
    argv = ["curl", "--silent", "--cacert", str(lab.ca_file), "--resolve", f"trace.lab.test:443:{WEB['v4']}"]
    argv += ["https://trace.lab.test/cdn-cgi/trace", "file:///dev/stdin"]
    curl = lab.popen("inet", argv, "curl", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert curl.stdin and curl.stdout
    if b"ip=" not in os.read(curl.stdout.fileno(), 65536):
        raise AssertionError("curl did not get the page")
    time.sleep(0.1)  # between the page and the pipe it closes what it needs no longer
    used = memory(curl.pid)
    curl.stdin.close()
    curl.wait(5)
    return used


def machine() -> str:
    load = Path("/proc/loadavg").read_text().strip()
    return f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, load {load}"


def report(times: Times, used: dict[str, tuple[float, float, float]]) -> None:
    print(f"\n{'break -> …':<34}{'rounds':>8}{'p50 ms':>10}{'p99 ms':>10}")
    for name, samples in (("live channel (WebSocket)", times.live), ("first line of ip -ts monitor", times.line)):
        print(f"{name:<34}{len(samples):>8}{percentile(samples, 0.5):>10.2f}{percentile(samples, 0.99):>10.2f}")
    verdict = "met" if percentile(times.live, 0.5) <= AIM_MS else "missed"
    print(f"aim for the live channel: p50 of {AIM_MS:g} ms: {verdict}")
    print(f"\n{'memory, MiB':<34}{'VmRSS':>8}{'Pss':>10}{'private':>10}")
    for name, (rss, pss, private) in used.items():
        print(f"{name:<34}{rss:>8.1f}{pss:>10.1f}{private:>10.1f}")
    verdict = "met" if used["vpn-sentinel-probe"][0] <= AIM_MIB else "missed"
    print(f"aim for the probe with one target: VmRSS of {AIM_MIB:g} MiB: {verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--count", type=int, default=50)
    given = parser.parse_args()
    skip_unless_possible()
    print(f"machine: {machine()}")
    with Lab() as lab:
        lab.start("wg-quick")
        stack = Stack(lab, given.build.resolve())
        stack.start_hub()
        stack.start_probe(VPN_SENTINEL_LOG_LEVEL="info")
        wait_for("the client is secure", lambda: stack.state() == "secure")
        monitor = IpMonitor(lab)
        times = measure(lab, monitor, given.count)
        used = {
            "vpn-sentinel-probe": memory(stack.probe.pid),
            "vpn-sentinel-hub": memory(stack.hub.pid),
            "ip -ts monitor": memory(monitor.process.pid),
        }
        if shutil.which("curl"):
            used["curl after one HTTPS fetch"] = curl_memory(lab)
        stack.stop()
    report(times, used)
    return 0


if __name__ == "__main__":
    sys.exit(main())
