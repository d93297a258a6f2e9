#!/usr/bin/env python3
"""How long a probe takes from its start to its first verdict, by kernel facts only and with a question through the tunnel; and how large the
programs are. Printed, not judged: machines differ.

    start_time.py --build FOLDER [--starts N]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import suite
from lab import Lab
from network import DNS
from process import run

AIM_MS = 100


def start(lab: Lab, program: Path, *more: str) -> tuple[float, str]:
    """Milliseconds from exec to the first verdict that is told, and its state."""
    argv = [str(program), "watch", "--json", "--netns", f"name:{lab.netns('vpn')}", "--tunnel", lab.device, "--client-id", "start"]
    began = time.monotonic()
    with subprocess.Popen([*argv, *more], env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            text = process.stdout.readline()
            taken = time.monotonic() - began
            if not text:
                raise AssertionError("the probe ended without a verdict")
            return taken * 1e3, json.loads(text)["state"]
        finally:
            process.terminate()


def measure(what: str, lab: Lab, program: Path, starts: int, *more: str) -> None:
    measured = [start(lab, program, *more) for _ in range(starts)]
    values = [taken for taken, _ in measured]
    states = ", ".join(sorted({state for _, state in measured}))
    print(f"{what}: {states} after {statistics.median(values):.1f} ms (median; {min(values):.1f}-{max(values):.1f} ms of {starts} starts)")


def print_sizes(build: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for program in ("vpn-sentinel-probe", "vpn-sentinel-hub"):
            if not (build / program).exists():
                continue
            stripped = Path(folder) / program
            run(["strip", "-o", str(stripped), str(build / program)])
            print(f"{program}: {stripped.stat().st_size / 1e6:.2f} MB stripped")


def main() -> int:
    parser = suite.parser_of(__doc__)
    parser.add_argument("--starts", type=int, default=10)
    given = suite.arguments(parser)
    program = given.build / "vpn-sentinel-probe"
    asked = ["--resolvers", DNS["v4"], "--liveness-server", DNS["v4"]]
    for service in ("trace-urls", "whoami-servers", "mullvad-url", "mullvad-v6-url", "egress-zone", "stun-servers"):
        asked += [f"--{service}", "none" if service.endswith("servers") else ""]
    with Lab() as lab:
        lab.start("wg-quick")
        measure("kernel facts only", lab, program, given.starts, "--offline")
        measure("with an answer through the tunnel", lab, program, given.starts, *asked, "--geolocation-service", "off", "--learn-uplink", "false")
    print(f"aim: {AIM_MS} ms from exec to the first verdict")
    print_sizes(given.build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
