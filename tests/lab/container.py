#!/usr/bin/env python3
"""A probe follows a real container: found by name and by id, restarted, deleted.

    container.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import podman as podman_tools
from podman import Podman
from process import LabError, spawn

BUILD = Path()
PATIENCE = 15.0


class Watch:
    """`watch --json` of one reference; its lines with the time at which they came."""

    def __init__(self, reference: str, *options: str) -> None:
        argv = [str(BUILD / "vpn-sentinel-probe"), "watch", "--json", "--offline", "--netns", reference, *options]
        self._process = spawn(argv, None, True, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[tuple[float, dict]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put((time.monotonic(), json.loads(line)))

    def wait(self, code: str) -> float:
        """When the finding `code` was told; older lines are thrown away."""
        deadline = time.monotonic() + PATIENCE
        seen = []
        while True:
            try:
                at, line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                raise LabError(f"{code} was not told within {PATIENCE:g} s; what was: {seen}") from None
            codes = [finding["code"] for finding in line["findings"]]
            if code in codes:
                return at
            seen.append(codes)

    def holds(self, namespace: int) -> bool:
        """Whether the probe still has the namespace's file open."""
        held = set()
        for file in Path(f"/proc/{self._process.pid}/fd").iterdir():
            try:
                held.add(file.stat().st_ino)
            except OSError:
                continue
        return namespace in held

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(5)
        assert self._process.stdout
        self._process.stdout.close()


class Container(unittest.TestCase):
    podman: Podman
    api = False

    @classmethod
    def setUpClass(cls) -> None:
        cls.podman = cls.enterClassContext(Podman())
        cls.api = cls.podman.serve()

    def setUp(self) -> None:
        self.name = f"vs{os.getpid()}-c"
        self.id = self.podman.start(self.name)
        self.addCleanup(self.podman.remove, self.name)

    def watch(self, reference: str, *options: str) -> Watch:
        watch = Watch(reference, *options)
        self.addCleanup(watch.stop)
        watch.wait("tunnel_missing")
        return watch

    def by_name(self) -> Watch:
        if not self.api:
            self.skipTest("podman's API service does not run here")
        return self.watch(f"container:{self.name}", "--container-sockets", str(self.podman.socket))

    def by_id(self) -> Watch:
        return self.watch(f"container:{self.id[:12]}", "--container-sockets", "/no/such/socket")

    def check_restart(self, watch: Watch) -> None:
        pid = self.podman.run("inspect", "--format", "{{.State.Pid}}", self.name)
        # Held here, so that its number is not given to the next namespace.
        file = self.enterContext(open(f"/proc/{pid}/ns/net", "rb"))
        namespace = os.fstat(file.fileno()).st_ino
        self.assertTrue(watch.holds(namespace))
        self.podman.restart(self.name)
        restarted = time.monotonic()
        gone = watch.wait("namespace_gone")
        back = watch.wait("tunnel_missing")
        self.assertFalse(watch.holds(namespace))
        print(f"\n  gone -> attached again {(back - gone) * 1e3:.0f} ms, restarted -> attached {(back - restarted) * 1e3:.0f} ms")

    def test_a_restarted_container_is_told_gone_and_followed_by_its_name(self) -> None:
        self.check_restart(self.by_name())

    def test_a_restarted_container_is_followed_by_its_id_without_an_engine(self) -> None:
        self.check_restart(self.by_id())

    def test_a_deleted_container_is_told_gone_and_followed_when_it_is_made_anew(self) -> None:
        watch = self.by_name()
        self.podman.remove(self.name)
        watch.wait("namespace_gone")
        self.podman.start(self.name)
        watch.wait("tunnel_missing")

    def test_what_is_not_there_is_told_in_words(self) -> None:
        if not self.api:
            self.skipTest("podman's API service does not run here")
        done = subprocess.run(
            [str(BUILD / "vpn-sentinel-probe"), "check", "--offline", "--netns", "container:no-such-container"]
            + ["--container-sockets", str(self.podman.socket)],
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("tests", nargs="*")
    given = parser.parse_args()
    global BUILD
    BUILD = given.build
    reason = podman_tools.missing()
    if reason:
        print(f"SKIPPED: {reason}")
        return 77
    with Podman() as podman:
        try:
            podman.start(f"vs{os.getpid()}-try")
        except LabError as error:
            print(f"SKIPPED: podman cannot run a container here: {error}")
            return 77
    program = unittest.main(argv=[sys.argv[0], *given.tests], exit=False, verbosity=2)
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
