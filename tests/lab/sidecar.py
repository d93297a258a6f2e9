#!/usr/bin/env python3
"""The container images, really built and run: a hub without rights, and a probe beside a VPN whose namespace it shares.

    sidecar.py --build FOLDER [--from-source PRESET] [TEST…]

The images are made of the programs in FOLDER, or as the guides say: from what a clone has (--from-source release), which takes a whole build.
The VPN is the lab's, with a real tunnel; a container stands in its namespace as gluetun does in its own, and the probe's shares that one's.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Sequence
from pathlib import Path

import podman as podman_tools
import suite
from lab import Lab
from network import DNS, WEB
from packets_outside import LEAKED_PORT, Observer, send_bound
from podman import Podman
from process import LabError, run, spawn, wait_until
from watcher import Watcher

BUILD = Path()
FROM_SOURCE: str | None = None  # the preset
TOP = Path(__file__).resolve().parents[2]
PACKAGING = TOP / "packaging"
PATIENCE = 20.0
# What the container files of packaging/compose and packaging/kubernetes give. Podman alone adds folders that can be written.
WITHOUT_RIGHTS = ("--cap-drop", "all", "--read-only", "--read-only-tmpfs=false", "--security-opt", "no-new-privileges")


def make_context(folder: Path, build: Path) -> None:
    """A build context as a checkout is one, but with the programs built already."""
    (folder / "packaging").mkdir(parents=True)
    (folder / "prebuilt").mkdir()
    shutil.copytree(PACKAGING / "containers", folder / "packaging/containers")
    for file in (PACKAGING / "lib.sh", *PACKAGING.glob("packages-*.txt")):
        shutil.copy(file, folder / "packaging")
    for program in ("hub", "probe"):
        run(["strip", "-o", str(folder / f"prebuilt/vpn-sentinel-{program}"), str(build / f"vpn-sentinel-{program}")])


def make_clone(folder: Path) -> None:
    """A build context with the files of the newest commit."""
    archive = folder.parent / "clone.tar"
    run(["git", "-c", f"safe.directory={TOP}", "-C", str(TOP), "archive", "-o", str(archive), "HEAD"], timeout=60)
    folder.mkdir()
    run(["tar", "-xf", str(archive), "-C", str(folder)], timeout=60)


class SidecarWatcher(Watcher):
    """`watch --json` in a container."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.process = spawn(argv, None, True, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = queue.Queue()
        self.last = None
        threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(15)


class Sidecar(unittest.TestCase):
    lab: Lab
    podman: Podman

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.start("gluetun")
        cls.podman = cls.enterClassContext(Podman())
        context = cls.podman.folder / "context"
        make_clone(context) if FROM_SOURCE else make_context(context, BUILD)
        arguments = [f"PRESET={FROM_SOURCE}"] if FROM_SOURCE else []
        caches = [Path.home() / ".cache/ccache", Path.home() / ".npm"] if FROM_SOURCE else []
        for program in ("hub", "probe"):
            tag = f"localhost/vpn-sentinel-{program}"
            began = time.monotonic()
            cls.podman.build(context / f"packaging/containers/Containerfile.{program}", context, tag, arguments, caches)
            size = int(cls.podman.run("image", "inspect", "--format", "{{.Size}}", tag))
            print(f"image of the {program}: {size / 1e6:.1f} MB, built in {time.monotonic() - began:.0f} s", file=sys.stderr)
        cls.vpn = f"vs{os.getpid()}-vpn"
        cls.podman.start(cls.vpn, f"ns:/run/netns/{cls.lab.netns('vpn')}")

    def setUp(self) -> None:
        self.name = f"{self.vpn}-probe"
        self.data = self.podman.folder / "data"
        self.data.mkdir(exist_ok=True)
        self.addCleanup(shutil.rmtree, self.data)

    def argv(self, *words: str, rights: Sequence[str] = (), options: Sequence[str] = ()) -> list[str]:
        """The probe's image with a command; root in it has no right but `rights`."""
        given = [word for right in rights for word in ("--cap-add", right)]
        mounts = [f"{self.lab.resolv_conf}:/etc/resolv.conf:ro", f"{self.lab.ca_file}:/ca.pem:ro", f"{self.data}:/var/lib/vpn-sentinel"]
        volumes = [word for mount in mounts for word in ("-v", mount)]
        settings = {"ENDPOINT": self.lab.endpoint, "TUNNEL": self.lab.device, "CLIENT_ID": "gluetun"}
        environment = [word for key, value in settings.items() for word in ("-e", f"VPN_SENTINEL_{key}={value}")]
        network = ["--network", f"container:{self.vpn}"]
        return self.podman.command_to_run(
            self.name, *WITHOUT_RIGHTS, *given, *network, *volumes, *environment, *options, "localhost/vpn-sentinel-probe", *words
        )

    def once(self, *words: str, rights: Sequence[str] = ()) -> subprocess.CompletedProcess:
        done = subprocess.run(self.argv(*words, rights=rights, options=["--rm"]), capture_output=True, text=True, timeout=60)
        return done

    def watch(self, *words: str, rights: Sequence[str] = ()) -> SidecarWatcher:
        asked = ["--trace-urls", "https://trace.lab.test/cdn-cgi/trace", "--resolvers", DNS["v4"], "--whoami-servers", DNS["v4"]]
        asked += ["--liveness-server", DNS["v4"], "--ca-file", "/ca.pem", "--timeout", "3s", "--egress-names", "2"]
        asked += ["--stun-servers", "none", "--large-packets", "false", "--latency-drop", "0", "--debounce", "false"]
        watcher = SidecarWatcher(self.argv("watch", "--json", *asked, *words, rights=rights, options=["--rm"]))
        self.addCleanup(watcher.close)
        return watcher

    def healthcheck(self, name: str, program: str) -> int:
        return subprocess.run(
            self.podman.command("exec", name, f"/usr/bin/vpn-sentinel-{program}", "healthcheck"), capture_output=True, timeout=60
        ).returncode

    # The hub

    def test_the_hub_runs_without_rights_on_a_file_system_that_it_cannot_write(self) -> None:
        name = f"{self.vpn}-hub"
        self.addCleanup(self.podman.remove, name)
        image = json.loads(self.podman.run("image", "inspect", "localhost/vpn-sentinel-hub"))[0]
        self.assertEqual(image["Config"]["User"], "10001:10001")
        self.assertEqual(image["Config"]["StopSignal"], "SIGTERM")
        self.assertEqual(image["HealthCheck" if "HealthCheck" in image else "Healthcheck"]["Test"][-1], "healthcheck")
        run(self.podman.command_to_run(name, "-d", *WITHOUT_RIGHTS, "--network", "none", "localhost/vpn-sentinel-hub"), timeout=60)
        wait_until(lambda: self.healthcheck(name, "hub") == 0, PATIENCE, "the hub is healthy", 0.2)
        self.podman.run("stop", "-t", "10", name)
        self.assertEqual(self.podman.run("inspect", "--format", "{{.State.ExitCode}}", name), "0")

    # The probe

    def test_without_any_right_it_sees_the_tunnel_break_and_come_back(self) -> None:
        watcher = self.watch()
        self.assertIsNotNone(watcher.wait_until(lambda line: line.state in ("secure", "warning"), PATIENCE), watcher.last)
        healthy = watcher.last
        broken = self.lab.break_tunnel("link_down")
        line = watcher.wait_until(lambda line: line.state in ("danger", "contained"), PATIENCE)
        self.assertIsNotNone(line, watcher.last)
        print(f"healthy {healthy.state}, {line.state} {(line.received_ns - broken) / 1e6:.1f} ms ", file=sys.stderr, end="", flush=True)
        self.lab.heal()
        self.assertIsNotNone(watcher.wait_until(lambda line: line.state == healthy.state, PATIENCE), watcher.last)

    def test_the_daemon_is_healthy_until_it_hangs(self) -> None:
        run(self.argv("run", options=["-d"]), timeout=60)
        self.addCleanup(self.podman.remove, self.name)
        wait_until(lambda: self.healthcheck(self.name, "probe") == 0, PATIENCE, "the probe is healthy", 0.2)
        self.podman.run("kill", "-s", "STOP", self.name)
        self.assertEqual(self.healthcheck(self.name, "probe"), 1)
        self.podman.run("kill", "-s", "CONT", self.name)
        wait_until(lambda: self.healthcheck(self.name, "probe") == 0, PATIENCE, "the probe is healthy again", 0.2)

    def test_doctor_says_what_each_missing_right_would_buy_and_how_to_get_it_here(self) -> None:
        done = self.once("doctor", "--json")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        lines = {line["name"]: line for line in json.loads(done.stdout)["lines"]}
        right = lines["CAP_NET_ADMIN"]
        self.assertEqual(right["status"], "missing")
        self.assertIn("kill switch", right["used_for"])
        self.assertTrue(right["remedy"].startswith("--cap-add NET_ADMIN"), right)
        self.assertEqual(lines["CAP_SYS_ADMIN"]["status"], "not_needed")
        self.assertNotIn("AmbientCapabilities", done.stdout)
        allowed = {line["name"]: line for line in json.loads(self.once("doctor", "--json", rights=["NET_ADMIN"]).stdout)["lines"]}
        self.assertEqual((allowed["CAP_NET_ADMIN"]["status"], allowed["nftables"]["status"]), ("ok", "ok"))

    def test_one_that_stayed_in_the_old_namespace_of_its_vpn_says_so(self) -> None:
        vpn, engine = f"{self.vpn}-own", f"vs{os.getpid()}-engine"
        self.podman.start(vpn)
        self.addCleanup(self.podman.remove, vpn)
        pid = self.podman.run("inspect", "--format", "{{.State.Pid}}", vpn)
        # The ends outside are the engine's, which takes them away with the container.
        run(["ip", "netns", "add", engine])
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", engine], stderr=subprocess.DEVNULL)
        for name, address in (("eth0", "198.51.100.2/24"), ("tun0", "10.8.0.2/24")):
            run(["ip", "-n", engine, "link", "add", name, "type", "veth", "peer", "name", name, "netns", pid])
            run(["ip", "-n", engine, "link", "set", name, "up"])
            run(["nsenter", "-t", pid, "-n", "sh", "-ec", f"ip address add {address} dev {name}; ip link set {name} up"])
        run(["nsenter", "-t", pid, "-n", "ip", "route", "add", "default", "dev", "tun0"])
        options = [*WITHOUT_RIGHTS, "--rm", "--network", f"container:{vpn}", "-v", f"{self.data}:/var/lib/vpn-sentinel"]
        words = ["watch", "--json", "--offline", "--tunnel", "tun0", "--debounce", "false"]
        watcher = SidecarWatcher(self.podman.command_to_run(self.name, *options, "localhost/vpn-sentinel-probe", *words))
        self.addCleanup(watcher.close)
        self.assertIsNotNone(watcher.wait_until(lambda line: line.state in ("secure", "warning"), PATIENCE), watcher.last)
        self.podman.restart(vpn)
        run(["ip", "netns", "delete", engine])
        line = watcher.wait("contained", ("tunnel_missing", "namespace_abandoned"), PATIENCE)
        self.assertIsNotNone(line, watcher.last)

    def test_with_net_admin_it_counts_what_leaves_but_not_its_own_packets(self) -> None:
        watcher = self.watch(rights=["NET_ADMIN"])
        self.assertIsNotNone(watcher.wait_until(lambda line: line.state in ("secure", "warning"), PATIENCE), watcher.last)
        wait_until(lambda: "vpn-sentinel-" in self.lab.exec("vpn", ["nft", "list", "tables"]).stdout, PATIENCE, "the meter is there", 0.05)
        # Its own questions have all been asked by now, and none of them was a leak.
        told = [line for line in watcher.listen(3) if "packets_outside" in line.findings]
        self.assertEqual(told, [])
        sent = self.lab.call("vpn", send_bound, WEB["v4"], LEAKED_PORT)
        line = watcher.wait("danger", ("packets_outside",), PATIENCE)
        self.assertIsNotNone(line, watcher.last)
        print(f"counted after {(line.received_ns - sent) / 1e6:.1f} ms ", file=sys.stderr, end="", flush=True)

    def test_with_net_admin_its_kill_switch_holds_back_what_would_leave(self) -> None:
        observer = Observer(self.lab)
        self.addCleanup(observer.close)
        self.lab.call("vpn", send_bound, WEB["v4"], LEAKED_PORT + 1)
        wait_until(lambda: observer.saw(WEB["v4"], LEAKED_PORT + 1), 5, "what is bound to the uplink leaves", 0.01)
        refused = self.once("killswitch", "arm")
        self.assertEqual(refused.returncode, 4, refused.stdout + refused.stderr)
        self.addCleanup(self.once, "killswitch", "disarm", rights=["NET_ADMIN"])
        armed = self.once("killswitch", "arm", rights=["NET_ADMIN"])
        self.assertEqual(armed.returncode, 0, armed.stdout + armed.stderr)
        with self.assertRaises(OSError):
            self.lab.call("vpn", send_bound, WEB["v4"], LEAKED_PORT + 2)
        self.assertEqual(self.once("killswitch", "status", rights=["NET_ADMIN"]).returncode, 0)
        self.assertFalse(observer.saw(WEB["v4"], LEAKED_PORT + 2))
        disarmed = self.once("killswitch", "disarm", rights=["NET_ADMIN"])
        self.assertEqual(disarmed.returncode, 0, disarmed.stdout + disarmed.stderr)


def main() -> int:
    parser = suite.parser_of(__doc__)
    parser.add_argument("--from-source", metavar="PRESET")
    given = suite.arguments(parser)
    global BUILD, FROM_SOURCE
    BUILD, FROM_SOURCE = given.build, given.from_source
    reason = podman_tools.missing()
    if reason is None and not Path("/var/lib/dpkg/status").exists():
        reason = "the images are made of a Debian's libraries, and this is none"
    if reason is None:
        with Podman() as podman:
            try:
                podman.start(f"vs{os.getpid()}-try")
            except LabError as error:
                reason = f"podman cannot run a container here: {error}"
    if reason:
        return suite.skipped(reason)
    return suite.run(Sidecar, given.tests)


if __name__ == "__main__":
    sys.exit(main())
