#!/usr/bin/env python3
"""What a hub costs, beside a server that only answers (one epoll loop) and beside the bare disk, in one run. Never a limit.

    bench_hub.py --build FOLDER [--quick | --long]

Slices of hub and reference take turns, so that a busy moment of the machine hits both; the figures to trust are the ratios.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "lab"))

from hub_daemon import HubDaemon, Simulator, cpu_seconds, simulate

PYTHON_ORIGINAL_STATUS = 113  # /api/v1/status per second with 1,000 clients, measured on such a machine
AIM_CPU_RATIO, AIM_RATE_RATIO = 2.5, 0.65
AIM_P99_MS = {64: 10, 512: 25}
AIM_MIB = {0: 6, 1_000: 25, 10_000: 60, 100_000: 400}
# While connections are made nothing is measured.
WARM_UP = 0.2
# All runs are the same probes: a probe that begins anew costs the hub more than one that goes on.
_numbers = itertools.count(1, 1_000_000)


def same_probes(size: Size, connections: int) -> dict[str, object]:
    return {"probes": size.probes, "connections": connections, "sources": 8, "boot": "bench", "first": next(_numbers)}


@dataclass(frozen=True)
class Size:
    rounds: int
    slice_seconds: float
    probes: int
    """In the slices."""
    clients: tuple[int, ...]
    patience: float


SIZES = {
    "quick": Size(1, 0.4, 200, (1_000,), 10),
    "usual": Size(4, 1.0, 10_000, (1_000, 10_000), 15),
    "long": Size(15, 1.5, 10_000, (1_000, 10_000, 100_000), 240),
}


@dataclass
class Slice:
    rate: float
    """Taken per second."""
    cpu: float
    """Seconds of the server's per 100,000 requests."""
    p50: float
    """ms"""
    p99: float


@dataclass
class Pairs:
    hub: list[Slice] = field(default_factory=list)
    raw: list[Slice] = field(default_factory=list)
    flushes: list[float] = field(default_factory=list)

    def ratio(self, what: str) -> list[float]:
        return sorted(getattr(hub, what) / getattr(raw, what) for hub, raw in zip(self.hub, self.raw, strict=True))


def measure(build: Path, size: Size, url: str, pid: int, connections: int) -> Slice:
    with Simulator(build, url, size.slice_seconds + WARM_UP, **same_probes(size, connections)) as simulator:
        time.sleep(WARM_UP)
        begun, before = time.monotonic(), cpu_seconds(pid)
        time.sleep(size.slice_seconds - 0.1)
        used, took = cpu_seconds(pid) - before, time.monotonic() - begun
        result = simulator.result()
    if set(result["statuses"]) != {"200"} or result["lost"]:
        raise AssertionError(f"not everything was taken: {result}")
    # The simulator's own rate holds for all of its time, the CPU for what lies in the middle of it.
    return Slice(result["per_second"], used / (result["per_second"] * took) * 1e5, result["p50_us"] / 1e3, result["p99_us"] / 1e3)


def throughput(build: Path, size: Size, connections: int, raw_url: str, raw_pid: int) -> Pairs:
    pairs = Pairs()
    with HubDaemon(build) as hub:
        hub.start()
        simulate(build, hub.url, size.patience, requests=size.probes, **same_probes(size, connections))
        for _ in range(size.rounds):
            pairs.raw.append(measure(build, size, raw_url, raw_pid, connections))
            pairs.hub.append(measure(build, size, hub.url, hub.pid, connections))
            disk = [str(build / "bench_hub_reference"), "disk", str(hub.data / "flushed"), "--seconds", str(size.slice_seconds / 2)]
            pairs.flushes.append(float(subprocess.run(disk, capture_output=True, check=True, text=True).stdout))
    return pairs


def verdict(value: float, aim: float, most: bool = True) -> str:
    met = value <= aim if most else value >= aim
    return f"aim {'<=' if most else '>='} {aim:g}: {'met' if met else 'missed'}"


def print_throughput(connections: int, pairs: Pairs) -> None:
    hub, raw = pairs.hub, pairs.raw

    def median(slices: list[Slice], what: str) -> float:
        return statistics.median(getattr(each, what) for each in slices)

    cpu, rate = pairs.ratio("cpu"), pairs.ratio("rate")
    flushes, p99 = statistics.median(pairs.flushes), median(hub, "p99")
    print(f"\n{connections} connections, closed loop, {len(hub)} pairs of slices, medians")
    print(f"  durable reports/s    {median(hub, 'rate'):>9.0f}   reference {median(raw, 'rate'):>9.0f}   ", end="")
    print(f"ratio {statistics.median(rate):.2f} ({rate[0]:.2f}-{rate[-1]:.2f}), {verdict(statistics.median(rate), AIM_RATE_RATIO, False)}")
    print(f"  CPU-s per 100k       {median(hub, 'cpu'):>9.2f}   reference {median(raw, 'cpu'):>9.2f}   ", end="")
    print(f"ratio {statistics.median(cpu):.2f} ({cpu[0]:.2f}-{cpu[-1]:.2f}), {verdict(statistics.median(cpu), AIM_CPU_RATIO)}")
    print(f"  acknowledged, ms     p50 {median(hub, 'p50'):>5.1f}   p99 {p99:>5.1f}   reference p99 {median(raw, 'p99'):.1f}   ", end="")
    print(verdict(p99, AIM_P99_MS[connections]))
    print(f"  the disk             {flushes:>9.0f} flushes/s of one block; {median(hub, 'rate') / flushes:.2f} durable reports for each of them")


def memory_and_status(build: Path, size: Size) -> None:
    with HubDaemon(build) as hub:
        hub.start()
        hub.healthy()
        print(f"\n{'memory with … clients':<24}{'VmRSS MiB':>10}")
        print(f"{'none':<24}{hub.memory_mib():>10.1f}   {verdict(hub.memory_mib(), AIM_MIB[0])}")
        for clients in size.clients:
            done = simulate(build, hub.url, size.patience, probes=clients, requests=clients, sources=8)["answers"]
            note = verdict(hub.memory_mib(), AIM_MIB[clients]) if done >= clients else f"only {done} within {size.patience:g} s"
            print(f"{clients:<24,}{hub.memory_mib():>10.1f}   {note}")
            if clients == 1_000:
                status = simulate(build, hub.url, size.slice_seconds * 2, get="/api/v1/status", connections=4)
    rate = status["per_second"]
    print(f"\n/api/v1/status with 1,000 clients: {rate:.0f}/s, {status['answer_bytes'] / max(1, status['answers']) / 1024:.0f} KiB each; ", end="")
    print(f"the Python original {PYTHON_ORIGINAL_STATUS}/s: {rate / PYTHON_ORIGINAL_STATUS:.1f} times")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", dest="size", action="store_const", const="quick", help="only shows that it works")
    how.add_argument("--long", dest="size", action="store_const", const="long", help="more slices, and 100,000 clients")
    parser.set_defaults(size="usual")
    given = parser.parse_args()
    build, size = given.build.resolve(), SIZES[given.size]
    load = Path("/proc/loadavg").read_text().strip()
    print(f"machine: {platform.system()} {platform.release()}, {os.cpu_count()} CPUs, load {load}; build: {build.name}", flush=True)
    if "CMAKE_BUILD_TYPE:STRING=Release" not in (build / "CMakeCache.txt").read_text():
        # The reference hardly leaves the kernel, so it is as fast in any build.
        print("not the release build: the ratios are worse than what is installed reaches")
    with subprocess.Popen([str(build / "bench_hub_reference"), "serve"], stdout=subprocess.PIPE, text=True) as raw:
        try:
            assert raw.stdout
            url = f"http://127.0.0.1:{int(raw.stdout.readline())}/api/v1"
            for connections in AIM_P99_MS:
                print_throughput(connections, throughput(build, size, connections, url, raw.pid))
        finally:
            raw.kill()
    memory_and_status(build, size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
