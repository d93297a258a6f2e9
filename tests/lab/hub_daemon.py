"""A hub on loopback with a data folder of its own, for proofs that need neither a lab nor root; and the simulator beside it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

KEY = "key-of-the-proofs-0123456789abcdef"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, below those that the kernel gives away: no connection takes one meanwhile."""
    sockets: list[socket.socket] = []
    while len(sockets) < count:
        with contextlib.suppress(OSError):
            sockets.append(socket.create_server(("127.0.0.1", random.randrange(10_000, 32_000))))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class HubDaemon:
    """Use as a context manager: the hub ends and the folder goes. API, dashboard and health have ports of their own."""

    def __init__(self, build: Path, data: Path | None = None, **more: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=f"vs{os.getpid()}-hub-")
        self.folder = Path(self._folder.name)
        self.data = data or self.folder / "data"
        self.binary = build / "vpn-sentinel-hub"
        self.log = self.folder / "hub.log"
        self.api_port, self.dashboard_port, self.health_port = free_ports(3)
        self.process: subprocess.Popen | None = None
        self.environment = {
            "VPN_SENTINEL_API_KEY": KEY,
            "VPN_SENTINEL_SERVER_BIND": "127.0.0.1",
            "VPN_SENTINEL_DASHBOARD_BIND": "127.0.0.1",
            "VPN_SENTINEL_HEALTH_BIND": "127.0.0.1",
            "VPN_SENTINEL_SERVER_API_PORT": str(self.api_port),
            "VPN_SENTINEL_SERVER_DASHBOARD_PORT": str(self.dashboard_port),
            "VPN_SENTINEL_SERVER_HEALTH_PORT": str(self.health_port),
            "VPN_SENTINEL_DATA_DIR": str(self.data),
            # A bench measures the hub and not its patience with one address or key.
            "VPN_SENTINEL_SERVER_RATE_LIMIT": "0",
            "VPN_SENTINEL_SERVER_MAX_CLIENTS": "0",
            "VPN_SENTINEL_SERVER_CLIENTS_PER_KEY": "0",
            "VPN_SENTINEL_SERVER_OWN_ADDRESS": "false",  # nobody outside is asked
            "VPN_SENTINEL_LOG_LEVEL": "error",
            "VPN_SENTINEL_DASHBOARD_RATE_LIMIT": "0",
            "PATH": "/usr/bin:/bin",
            **more,
        }

    def __enter__(self) -> HubDaemon:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}/api/v1"

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def launch(self, **more: str) -> None:
        """Without waiting for anything."""
        with self.log.open("ab") as log:
            environment = {**self.environment, **more}
            self.process = subprocess.Popen([str(self.binary), "run"], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def start(self, seconds: float = 20.0, **more: str) -> None:
        """Returns when the hub is ready; raises AssertionError with the end of its log when it ends instead."""
        self.launch(**more)
        assert self.process
        deadline = time.monotonic() + seconds
        while not self.answers():
            if self.process.poll() is not None:
                raise AssertionError(f"the hub ended with {self.process.returncode}:\n{self.log.read_text()[-2000:]}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the hub was not ready within {seconds:g} s:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.005)

    def answers(self) -> bool:
        """Whether the health page's port accepts; it opens after the store was loaded and the API's port was bound."""
        try:
            with socket.create_connection(("127.0.0.1", self.health_port), 1):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL: what a crash leaves behind."""
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM; the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def fetch(self, path: str, port: int | None = None, seconds: float = 5.0) -> tuple[int, bytes]:
        """One GET: status and body."""
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.api_port}{path}", headers={"X-API-Key": KEY})
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def healthy(self) -> bool:
        status, body = self.fetch("/health", self.health_port)
        return status == 200 and json.loads(body)["status"] == "ok"

    # What the kernel knows about it

    def memory_mib(self, what: str = "VmRSS") -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def cpu_seconds(pid: int) -> float:
    """Run time of all threads of a process that were there all the time, in seconds; finer than utime and stime of /proc/PID/stat."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # this thread has just ended
    return total / 1e9


class Simulator:
    """vpn-sentinel-simulate in the background; result() waits for its end and gives what it measured."""

    def __init__(self, build: Path, url: str, seconds: float, **options: object) -> None:
        argv = [str(build / "vpn-sentinel-simulate"), "--json", "--url", url, "--key", KEY, "--seconds", str(seconds)]
        for name, value in options.items():
            argv += [f"--{name.replace('_', '-')}", str(value)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self._patience = seconds + 20

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def running(self) -> bool:
        return self.process.poll() is None

    def end(self) -> dict:
        """Before its time."""
        self.process.send_signal(signal.SIGTERM)
        return self.result()

    def result(self) -> dict:
        output, _ = self.process.communicate(timeout=self._patience)
        if self.process.returncode != 0:
            raise AssertionError(f"the simulator ended with {self.process.returncode}")
        return json.loads(output)


def simulate(build: Path, url: str, seconds: float, **options: object) -> dict:
    with Simulator(build, url, seconds, **options) as simulator:
        return simulator.result()
