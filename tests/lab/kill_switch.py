#!/usr/bin/env python3
"""The kill switch of a real probe through every way to lose a real tunnel: no packet outside, counted beyond the uplink.

    kill_switch.py --build FOLDER [TEST…]

What "outside" is says outside_observer.py, which knows nothing of the probe and of nftables; a control run shows that it sees each way out.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import suite
from breaks import CASES
from lab import Lab
from network import DNS, GATEWAY, SERVER
from outside_observer import WAYS_OUT, Observer, flood, observing, send_udp, try_to_leave, ways_that_leave
from process import wait_until
from truth import broken, flow_way

BUILD = Path()
# Where nothing can be sent to begin with, the observer sees no end of what is on its way.
LEFT_OUT = ("uplink_down",)
LEAKS = ("direct", "mixed")
TABLE = "vpn-sentinel-office-killswitch"
# Where the whole ruleset is compared, there is no leak meter in it.
NOTHING_COUNTED = {"VPN_SENTINEL_LEAK_METER": "false"}


class Probe:
    """The daemon in `host`, without a hub, and the command of its user."""

    def __init__(self, lab: Lab, name: str = "office", mode: str = "armed", before: Sequence[str] = (), **more: str) -> None:
        self.lab, self.name = lab, name
        self.folder = lab.folder / f"{name}-data"
        self.folder.mkdir(exist_ok=True)
        self.log = lab.folder / f"{name}-{time.monotonic_ns()}.log"
        self.environment = {
            "VPN_SENTINEL_NETNS": f"name:{lab.netns('vpn')}",
            "VPN_SENTINEL_CLIENT_ID": name,
            "VPN_SENTINEL_KILL_SWITCH": mode,
            "VPN_SENTINEL_DATA_DIR": str(self.folder),
            "VPN_SENTINEL_URL": "http://127.0.0.1:9",
            "VPN_SENTINEL_TRACE_URLS": "https://trace.lab.test/cdn-cgi/trace",
            "VPN_SENTINEL_RESOLVERS": DNS["v4"],
            "VPN_SENTINEL_WHOAMI_SERVERS": DNS["v4"],
            "VPN_SENTINEL_LIVENESS_SERVER": DNS["v4"],
            "VPN_SENTINEL_CA_FILE": str(lab.ca_file),
            "VPN_SENTINEL_DEBOUNCE": "false",
            "VPN_SENTINEL_STUN_SERVERS": "none",
            "VPN_SENTINEL_ENDPOINT": lab.endpoint if lab.mode != "none" else f"{SERVER}:1194/udp",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            **more,
        }
        self.before = before
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        argv = [*self.before, str(BUILD / "vpn-sentinel-probe"), "run"]
        self.process = self.lab.popen("host", argv, self.name, self.log, env=self.environment)

    def end(self, kill: bool = False) -> None:
        if self.process is not None and self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(10)

    def lines(self, event: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if f"event={event} " in line] if self.log.exists() else []

    def wait(self, event: str, after: int = 0, seconds: float = 20) -> str:
        """The next line of the log with that event when there were `after` of them."""
        wait_until(lambda: len(self.lines(event)) > after, seconds, f"{event} in the log of {self.name}", 0.005)
        return self.lines(event)[after]

    def states(self) -> list[str]:
        return [re.search(r" state=(\w+)", line).group(1) for line in self.lines("verdict")]

    def wait_state(self, *states: str, seconds: float = 20) -> str:
        told = f"{self.name} says {states}: {self.states()[-3:]}"
        wait_until(lambda: bool(self.states()) and self.states()[-1] in states, seconds, told, 0.01)
        return self.states()[-1]

    def wait_finding(self, code: str, seconds: float = 20) -> None:
        told = lambda: any(code in line for line in self.lines("verdict")[-1:])  # noqa: E731
        wait_until(told, seconds, f"{self.name} tells {code}: {self.lines('verdict')[-1:]}", 0.02)

    def killswitch(self, *words: str) -> subprocess.CompletedProcess:
        argv = [*self.before, str(BUILD / "vpn-sentinel-probe"), "killswitch", *words]
        return self.lab.exec("host", argv, timeout=30, check=False, env=self.environment)


class KillSwitch(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())

    def setUp(self) -> None:
        self.addCleanup(self.nft, "flush", "ruleset")

    def nft(self, *words: str) -> str:
        return self.lab.exec("vpn", ["nft", *words]).stdout

    @contextmanager
    def probe(self, name: str = "office", mode: str = "armed", ready: str = "kill_switch_armed", **more: str) -> Iterator[Probe]:
        probe = Probe(self.lab, name, mode, **more)
        probe.start()
        try:
            if ready:
                probe.wait(ready)
            yield probe
        finally:
            probe.end()
            probe.killswitch("disarm")
            (probe.folder / "killswitch" / f"{name}.disarmed").unlink(missing_ok=True)

    def observe(self) -> Observer:
        port = int(self.lab.endpoint.rsplit(":", 1)[1].split("/")[0])
        return self.enterContext(observing(self.lab, port))

    def assert_nothing_leaves(self, observer: Observer, what: str) -> None:
        try_to_leave(self.lab)
        self.assertEqual(observer.outside(), [], what)

    # Every failure

    def run_failures(self, mode: str) -> None:
        self.lab.start(mode)
        observer = self.observe()
        self.lab.break_tunnel("kill")
        self.assertEqual(set(WAYS_OUT) - ways_that_leave(self.lab, observer), set(), "the observer sees each way out")
        self.lab.heal()
        with self.probe() as probe:
            probe.wait_state("secure")
            observer.outside()
            ran = 0
            for case in (CASES[name] for name in CASES if CASES[name].applies(mode) and name not in LEFT_OUT):
                if case.possible() or case.ipv6 not in ("any", "tunnelled"):
                    continue
                with self.subTest(mode=mode, case=case.name):
                    self.run_failure(probe, observer, mode, case.name)
                    ran += 1
        print(f"\n  {mode}: {ran} failures, 0 packets outside ", file=sys.stderr, end="", flush=True)

    def run_failure(self, probe: Probe, observer: Observer, mode: str, case: str) -> None:
        told = len(probe.states())
        self.lab.break_tunnel(case)
        for _ in range(5):
            try_to_leave(self.lab)
            time.sleep(0.02)
        if (flow := CASES[case].flow) is not None:
            self.assertIn(self.lab.way_of(flow), ("nothing", "tunnel"), "packets of the case")
        self.assert_nothing_leaves(observer, case)
        ways = broken(mode, case, "tunnelled")
        leaks = (ways and set(LEAKS) & set(ways.values())) or (CASES[case].flow and flow_way(case) in LEAKS and case != "rule_source")
        if leaks and case not in ("restart", "restart_beside", "soft_restart"):
            probe.wait_state("contained")
            self.assertNotIn("danger", probe.states()[told:], probe.lines("verdict")[told:])
        self.lab.mend(case)
        probe.wait_state("secure")
        self.assertEqual(observer.outside(), [], f"{case} mended")

    def test_openvpn_through_every_failure(self) -> None:
        self.run_failures("openvpn")

    def test_wg_quick_through_every_failure(self) -> None:
        self.run_failures("wg-quick")

    def test_gluetun_through_every_failure(self) -> None:
        self.run_failures("gluetun")

    # Local networks and the VPN itself

    def test_armed_before_there_is_a_tunnel_the_vpn_can_connect_and_local_networks_work(self) -> None:
        self.lab.start("none")
        with self.probe(VPN_SENTINEL_ENDPOINT=f"{SERVER}:1194/udp") as probe:
            self.assertEqual(self.lab.ways(0.5), {"v4": "nothing", "v6": "nothing"})
            self.lab.start("openvpn")
            probe.wait_state("secure")
            observer = self.observe()
            self.assert_nothing_leaves(observer, "all programs")
            observer.local()
            self.lab.call("vpn", send_udp, GATEWAY["v4"], 4444)
            observer.outside()
            self.assertGreater(observer.local(), 0)

    # What others do to it

    def test_what_somebody_flushes_is_closed_again_within_milliseconds(self) -> None:
        self.lab.start("openvpn")
        observer = self.observe()
        with self.probe() as probe:
            probe.wait_state("secure")
            let_out = ("insert", "rule", "inet", TABLE, "outside", "accept")
            for command in (("flush", "ruleset"), ("delete", "table", "inet", TABLE), let_out):
                observer.outside()
                repaired, stop = len(probe.lines("kill_switch_repaired")), threading.Event()
                sender = threading.Thread(target=flood, args=(self.lab, 10, stop))
                sender.start()
                began = time.monotonic()
                self.nft(*command)
                line = probe.wait("kill_switch_repaired", repaired)
                seconds = time.monotonic() - began
                stop.set()
                sender.join()
                left = len(observer.outside())
                took = re.search(r"took_us=(\d+)", line).group(1)
                told = f"put back {took} us after it was noticed, {seconds * 1000:.0f} ms after nft began; {left} packets of a flood left"
                print(f"\n  {' '.join(command)}: {told} ", file=sys.stderr, end="", flush=True)
                self.assert_nothing_leaves(observer, "closed again")
            self.assertEqual(probe.lines("kill_switch_not_holding"), [])

    # The probe comes and goes

    def test_a_killed_probe_leaves_it_closed_and_the_next_start_adopts_it(self) -> None:
        self.lab.start("openvpn")
        observer = self.observe()
        with self.probe() as probe:
            probe.wait_state("secure")
            probe.end(kill=True)
            self.lab.break_tunnel("kill")
            observer.outside()
            self.assert_nothing_leaves(observer, "without a probe")
            with self.probe(ready="kill_switch_adopted") as again:
                self.assertEqual(again.lines("kill_switch_armed"), [])
                again.wait_state("contained")
                self.assert_nothing_leaves(observer, "adopted")
                self.lab.heal()
                again.wait_state("secure")
                self.assert_nothing_leaves(observer, "connected again")

    def test_it_stays_at_the_end_or_goes_as_the_user_wants(self) -> None:
        self.lab.start("openvpn")
        before = self.nft("list", "ruleset")
        with self.probe() as probe:
            probe.end()
            self.assertIn(TABLE, self.nft("list", "ruleset"))
        with self.probe(ready="", VPN_SENTINEL_DISARM_ON_STOP="true") as probe:
            wait_until(lambda: bool(probe.lines("kill_switch_armed") or probe.lines("kill_switch_adopted")), 10, "armed", 0.02)
            probe.end()
            self.assertEqual(self.nft("list", "ruleset"), before)

    def test_two_probes_keep_out_of_each_others_way(self) -> None:
        self.lab.start("openvpn")
        observer = self.observe()
        with self.probe(**NOTHING_COUNTED) as first, self.probe("second", **NOTHING_COUNTED) as second:
            first.wait_state("secure")
            second.wait_state("secure")
            first.end(kill=True)
            self.lab.break_tunnel("kill")
            observer.outside()
            self.assert_nothing_leaves(observer, "two")
            # The word is left in one data folder, and the other daemon does not know of it.
            done = first.killswitch("disarm")
            self.assertEqual(done.returncode, 2, done)
            self.assertIn("somebody armed second again", done.stderr)
            self.assertNotIn(TABLE, self.nft("list", "ruleset"))
            # What left until the other daemon had put its own back, and may still be on its way here.
            time.sleep(0.2)
            wait_until(lambda: observer.outside() == [], 10, "nothing leaves any more", 0.2)
            self.assert_nothing_leaves(observer, "the other one")
            done = second.killswitch("disarm")
            self.assertEqual((done.returncode, self.nft("list", "ruleset")), (0, ""), done)

    # The way out

    def test_disarming_leaves_the_ruleset_as_it_was_and_lasts(self) -> None:
        self.lab.start("openvpn")
        chain = "chain c { type filter hook output priority 0; ip daddr @s drop; }"
        self.nft("add", "table", "inet", "mine", f"{{ set s {{ type ipv4_addr; elements = {{ 192.0.2.9 }}; }}; {chain}; }}")
        before = self.nft("list", "ruleset")
        for protect in ("false", "true"):
            with self.subTest(protect=protect), self.probe(VPN_SENTINEL_KILL_SWITCH_PROTECT=protect, **NOTHING_COUNTED) as probe:
                probe.wait_state("secure")
                self.assertEqual(probe.killswitch("status").returncode, 0)
                done = probe.killswitch("disarm")
                self.assertEqual((done.returncode, self.nft("list", "ruleset")), (0, before), done)
                probe.wait_finding("kill_switch_disarmed")
                time.sleep(2.2)
                self.assertEqual(self.nft("list", "ruleset"), before)
                self.assertEqual(probe.killswitch("status").returncode, 1)
                done = probe.killswitch("arm", "--json")
                self.assertEqual(done.returncode, 0, done)
                self.assertIn("held", {canary["outcome"] for canary in json.loads(done.stdout)["canaries"]})
                self.assertIn(TABLE, self.nft("list", "ruleset"))
                probe.end()
                self.assertEqual(probe.killswitch("disarm").returncode, 0)
                self.assertEqual(self.nft("list", "ruleset"), before)
                (probe.folder / "killswitch" / "office.disarmed").unlink()

    def test_everything_works_without_a_daemon_and_whatever_the_settings(self) -> None:
        self.lab.start("openvpn")
        observer = self.observe()
        probe = Probe(self.lab)
        # The word that it leaves is for the probes of other tests, too.
        self.addCleanup((probe.folder / "killswitch" / "office.disarmed").unlink, missing_ok=True)
        self.assertEqual(probe.killswitch("status").returncode, 1)
        self.assertEqual(probe.killswitch("arm").returncode, 0)
        self.lab.break_tunnel("kill")
        observer.outside()
        self.assert_nothing_leaves(observer, "armed by hand")
        text = probe.killswitch("status").stdout
        self.assertIn(f"nft delete table inet {TABLE}; nft delete table netdev {TABLE}", text)
        # Another program, to which a broken setting is no reason to keep its user in.
        probe.environment["VPN_SENTINEL_KILL_SWITCH"] = "nonsense"
        self.assertEqual(probe.killswitch("disarm").returncode, 78)
        done = probe.killswitch("disarm", "--all")
        self.assertEqual(self.nft("list", "ruleset"), "", done)
        # Who may not look into other users' processes is told so.
        self.assertTrue(done.returncode == 0 or "CAP_SYS_PTRACE" in done.stderr, done)
        try_to_leave(self.lab)
        self.assertNotEqual(observer.outside(), [])

    # On danger

    def test_on_danger_closes_after_the_danger(self) -> None:
        self.lab.start("openvpn")
        observer = self.observe()
        with self.probe(mode="on-danger", ready="") as probe:
            probe.wait_state("secure")
            self.assertTrue(ways_that_leave(self.lab, observer))
            self.lab.break_tunnel("kill")
            line = probe.wait("kill_switch_armed")
            print(f"\n  from the decision: {re.search(r'took_us=([0-9]+)', line).group(1)} us ", file=sys.stderr, end="", flush=True)
            observer.outside()
            self.assert_nothing_leaves(observer, "armed by the danger")
            probe.wait_state("contained")
            time.sleep(2)
            self.assertEqual(probe.states()[-1], "contained")
            self.assert_nothing_leaves(observer, "contained is no reason to let go")

    # Rights

    def test_without_the_right_it_says_what_is_missing_and_the_rest_works(self) -> None:
        self.lab.start("openvpn")
        without = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
        with self.probe(ready="kill_switch_failed", before=without) as probe:
            self.assertIn("CAP_NET_ADMIN is needed in the namespace to hold packets back", probe.lines("kill_switch_failed")[0])
            probe.wait_finding("kill_switch_failed")
            self.assertEqual(probe.wait_state("warning"), "warning")
            done = probe.killswitch("arm")
            self.assertEqual(done.returncode, 4)
            self.assertIn("CAP_NET_ADMIN", done.stderr)
            self.lab.break_tunnel("kill")
            probe.wait_state("danger")
            self.assertEqual(self.nft("list", "ruleset"), "")


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(KillSwitch, given.tests)


if __name__ == "__main__":
    sys.exit(main())
