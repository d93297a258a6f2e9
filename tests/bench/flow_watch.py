#!/usr/bin/env python3
"""What it costs a probe to follow connections, beside one in the same run that follows none. Never a limit.

    flow_watch.py --build FOLDER [--seconds N] [--sockets N]

Both watch the same namespace with a real WireGuard. Sockets are UDP and connected: they are listed with each look, and send nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

from lab import Lab
from lab_requirements import skip_unless_possible
from network import WEB

TICK = os.sysconf("SC_CLK_TCK")

HOLDER = """
import socket, sys
kept = []
for _ in range(int(sys.argv[2])):
    kept.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    kept[-1].connect((sys.argv[1], 4444))
print("ready", flush=True)
sys.stdin.readline()
"""


def start_probe(lab: Lab, build: Path, name: str, interval: str) -> subprocess.Popen:
    (lab.folder / "empty.toml").write_text("")
    argv = [str(build / "vpn-sentinel-probe"), "run", "--config", str(lab.folder / "empty.toml"), "--client-id", name]
    argv += ["--netns", f"name:{lab.netns('vpn')}", "--data-dir", str(lab.folder / name), "--connections-interval", interval]
    argv += ["--url", "http://127.0.0.1:9", "--hub-path", "uplink", "--stun-servers", "none", "--egress-names", "0"]
    with (lab.folder / f"{name}.log").open("wb") as log:
        return lab.popen("host", argv, stdout=log, stderr=subprocess.STDOUT)


def processor_time(process: subprocess.Popen) -> float:
    """Seconds of all threads, user and system."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sockets", type=int, default=200)
    given = parser.parse_args()
    skip_unless_possible()
    with Lab() as lab:
        lab.start("wg-quick")
        argv = [sys.executable, "-c", HOLDER, WEB["v4"], str(given.sockets)]
        holder = lab.popen("vpn", argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert holder.stdout and holder.stdout.readline() == "ready\n"
        share: dict[str, float] = {}
        ended = []
        try:
            # One after the other: beside each other the one would follow the sockets of the other's checks.
            for name, interval in (("without", "0"), ("with", "10s")):
                probe = start_probe(lab, given.build, name, interval)
                try:
                    # Its first looks, checks and batches are not idle.
                    time.sleep(min(given.seconds, 15))
                    before = processor_time(probe)
                    began = time.monotonic()
                    time.sleep(given.seconds)
                    share[name] = (processor_time(probe) - before) / (time.monotonic() - began)
                    if probe.poll() is not None:
                        ended.append(name)
                finally:
                    probe.kill()
                    probe.wait(10)
        finally:
            holder.kill()
            holder.wait(10)
    if ended:
        print(f"the probe {ended} ended meanwhile", file=sys.stderr)
        return 1
    print(f"an idle namespace with {given.sockets} sockets, {given.seconds:.0f} s, part of one processor")
    for name, part in share.items():
        print(f"{name + ' connections':<22} {100 * part:6.2f} %")
    print(f"{'following them':<22} {100 * (share['with'] - share['without']):6.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
