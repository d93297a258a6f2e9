#!/usr/bin/env python3
"""The Debian packages on a booted Debian: installed, started, a tunnel broken, restarted, hung, upgraded, removed, purged.

    debian_packages.py --build FOLDER

The first run makes the tree with debootstrap from the archive that this machine's apt uses; it is kept in FOLDER/debian-tree.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import unittest
from pathlib import Path

import debian_tree
import older_package
import readme_install
from debian_case import HUB, PROBE
from debian_files import Packages, make_debs
from debian_tree import Booted
from debian_units import UnitsOnDebian
from process import LabError, run, wait_until

BUILD = Path()
PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
KEY = "key-of-the-packages-0123456789abcdef"
OFF = """liveness_interval = "0"
whoami_servers = "none"
trace_urls = ""
mullvad_url = ""
mullvad_v6_url = ""
geolocation_service = "off"
learn_uplink = false
egress_names = 0
dns_compare_names = "none"
stun_servers = "none"
large_packets = false
latency_drop = 0
"""


class Debian(UnitsOnDebian):
    """The numbers in the names are the order: each step finds what the one before has left."""

    def test_00_what_readme_tells_to_type_installs_and_starts_it(self) -> None:
        type(self).clean = self.files()
        folder = self.machine.root / readme_install.TREE.lstrip("/") / "build/release/packages"
        folder.mkdir(parents=True)
        for deb in self.new:
            shutil.copy(deb, folder)
        typed = [command for command in readme_install.commands() if readme_install.is_for_the_target(command)]
        self.assertEqual([command.split()[:2] for command in typed], [["apt", "install"], ["systemctl", "enable"]])
        # What is only recommended would have to be fetched, and this machine has no way out.
        apt = self.machine.root / "etc/apt/apt.conf.d/test"
        apt.write_text('APT::Install-Recommends "false";\n')
        for command in typed:
            self.shell(f"cd {readme_install.TREE}; {command} </dev/null 2>&1")
        wait_until(lambda: len(self.ask("/clients")["clients"]) == 1, 20, "the hub hears of the probe")
        self.shell("dpkg --purge vpn-sentinel-probe vpn-sentinel-hub 2>&1")
        apt.unlink()
        self.assertEqual(self.files() - self.clean, set())

    def test_01_a_fresh_install_starts_the_hub_on_loopback_and_no_probe(self) -> None:
        self.install(self.old)
        self.assertEqual(self.machine("systemctl", "is-active", HUB).strip(), "active")
        self.assertEqual(self.machine("systemctl", "is-enabled", "vpn-sentinel-probe.service", check=False).strip(), "disabled")
        self.assertEqual(self.machine("systemctl", "is-active", "vpn-sentinel-probe.service", check=False).strip(), "inactive")
        listening = {line.split()[3].rsplit(":", 1)[0] for line in self.shell("ss -Hltn").splitlines()}
        self.assertLessEqual(listening, {"127.0.0.1", "[::1]"})
        modes = self.shell("stat -c '%a %U %G' /etc/vpn-sentinel/*.credentials /etc/vpn-sentinel/*.toml /var/lib/vpn-sentinel/*").splitlines()
        self.assertEqual(modes, ["700 root root", "700 root root", "640 root vpn-sentinel-hub", "640 root vpn-sentinel-hub", "640 root vpn-sentinel-probe",
                                 "700 vpn-sentinel-hub vpn-sentinel-hub", "700 vpn-sentinel-probe vpn-sentinel-probe"])
        units = self.shell("ls /lib/systemd/system/vpn-sentinel-*.service | sed s/@/@vpn/").split()
        complaints = self.machine("sh", "-c", f"systemd-analyze verify --man=no {' '.join(units)} 2>&1", check=False)
        self.assertNotIn("vpn-sentinel", complaints)

    def test_02_a_namespace_is_made_and_watched(self) -> None:
        self.machine("systemctl", "start", "vpn-sentinel-netns@vpn.service")
        for line in ("link add up0 type veth peer name eth0 netns vpn", "link add far0 type veth peer name wg0 netns vpn",
                     "addr add 192.0.2.1/24 dev up0", "link set up0 up", "link set far0 up", "addr add 198.51.100.1/24 dev far0",
                     "-n vpn addr add 192.0.2.2/24 dev eth0", "-n vpn link set eth0 up", "-n vpn addr add 198.51.100.2/24 dev wg0",
                     "-n vpn link set wg0 up", "-n vpn route add default via 192.0.2.1 dev eth0 metric 200",
                     "-n vpn route add default via 198.51.100.1 dev wg0 metric 50"):
            self.machine("ip", *line.split())
        settings = self.machine.root / "etc/vpn-sentinel/probe.toml"
        settings.write_text(f'{settings.read_text()}\ntunnel = "wg0"\nclient_id = "office"\n{OFF}')
        self.machine("systemctl", "enable", "--now", PROBE)
        wait_until(lambda: self.state() not in ("unknown", "offline"), 20, "the hub hears of the target")
        self.assertIn(self.state(), ("secure", "warning"))
        ready, verdict = self.seconds_to_verdict()
        print(f"\n  with a tunnel: READY after {ready * 1e3:.0f} ms, first verdict after {verdict * 1e3:.0f} ms")

    def test_03_a_broken_tunnel_is_danger_at_the_hub(self) -> None:
        started = time.monotonic()
        self.machine("ip", "-n", "vpn", "link", "set", "wg0", "down")
        self.wait_for("danger")
        print(f"\n  ip link set down -> danger in the hub's API within {(time.monotonic() - started) * 1e3:.0f} ms")
        self.assertEqual(self.show(PROBE, "StatusText"), "1 target: 1 danger (office)")

    def test_04_a_restart_keeps_what_is_known(self) -> None:
        incidents = self.ask("/incidents")["incidents"]
        self.assertTrue(incidents)
        self.machine("systemctl", "restart", HUB, PROBE)
        self.wait_for("danger")
        ready, verdict = self.seconds_to_verdict()
        print(f"\n  without a tunnel: READY after {ready * 1e3:.0f} ms, first verdict after {verdict * 1e3:.0f} ms")
        after = self.ask("/incidents")["incidents"]
        self.assertLessEqual({(one["id"], one["start"]) for one in incidents}, {(one["id"], one["start"]) for one in after}, after)

    def test_05_a_reload_keeps_the_process(self) -> None:
        for unit in (HUB, PROBE):
            before = self.show(unit, "MainPID")
            self.machine("systemctl", "reload", unit)
            wait_until(lambda: "event=reloaded" in self.machine("journalctl", "-o", "cat", f"_PID={before}"), 10, f"{unit} reads its settings")
            self.assertEqual((self.show(unit, "MainPID"), self.show(unit, "ActiveState")), (before, "active"))

    def test_06_what_hangs_is_killed_and_started_again(self) -> None:
        for unit in (HUB, PROBE):
            drop_in = self.machine.root / f"etc/systemd/system/{unit}.d/test.conf"
            drop_in.parent.mkdir()
            drop_in.write_text("[Service]\nWatchdogSec=1\nTimeoutAbortSec=1\n")
        self.machine("systemctl", "daemon-reload")
        self.machine("systemctl", "restart", HUB, PROBE)
        for unit in (HUB, PROBE):
            before = self.show(unit, "MainPID")
            stopped = time.monotonic()
            self.shell(f"kill -s STOP {before}")
            wait_until(lambda: self.show(unit, "NRestarts") != "0" and self.show(unit, "ActiveState") == "active", 20, f"{unit} runs again", 0.1)
            print(f"\n  {unit}: stopped -> runs again after {time.monotonic() - stopped:.1f} s (WatchdogSec=1)", end="")
            self.assertNotEqual(self.show(unit, "MainPID"), before)
            self.assertIn("Watchdog timeout", self.machine("journalctl", "-o", "cat", "-u", unit))
            (self.machine.root / f"etc/systemd/system/{unit}.d/test.conf").unlink()
            (self.machine.root / f"etc/systemd/system/{unit}.d").rmdir()
        print()
        self.machine("systemctl", "daemon-reload")
        self.machine("systemctl", "restart", HUB, PROBE)
        self.wait_for("danger")

    def test_07_keys_are_handed_over_by_systemd(self) -> None:
        for kind in ("hub", "probe"):
            (self.machine.root / f"etc/vpn-sentinel/{kind}.credentials/api_key").write_text(KEY + "\n")
        self.machine("systemctl", "restart", HUB, PROBE)
        type(self).key = KEY
        self.wait_for("danger")
        type(self).key = "wrong"
        self.assertEqual(self.state(), "unknown")
        type(self).key = KEY
        self.assertIn("0.0.0.0", self.shell("ss -Hltn"))
        # Root writes a file that the hub's user can read.
        type(self).key = self.machine("vpn-sentinel-hub", "key", "add", "reader", "--read").strip()
        self.wait_for("danger")
        # Root's commands find what the units were handed.
        told = json.loads(self.machine("vpn-sentinel-probe", "doctor", "--netns", "name:vpn", "--json", check=False))
        hub = [line for line in told["lines"] if line["group"] == "hub"]
        self.assertTrue(hub)
        self.assertNotIn("401", json.dumps(hub))

    def test_07b_channels_take_their_secrets_from_the_credentials(self) -> None:
        folder = self.machine.root / "etc/vpn-sentinel"
        with (folder / "alerts.toml").open("a") as file:
            file.write('[[channel]]\nname = "pager"\nkind = "webhook"\nurl = "http://127.0.0.1:9/hook"\nsecret_file = "pager"\n')
        (folder / "hub.credentials/pager").write_text("secret of the pager\n")
        self.machine("systemctl", "restart", HUB)
        self.wait_for("danger")
        self.assertIn("pager", json.dumps(self.ask("/channels")))
        told = self.shell("vpn-sentinel-hub channels test pager 2>&1", check=False)
        self.assertIn("channel 'pager' did not take the message", told)

    def test_08_an_upgrade_keeps_state_settings_and_a_closed_kill_switch(self) -> None:
        folder = self.machine.root / "etc/vpn-sentinel"
        settings = folder / "probe.toml"
        settings.write_text(f'{settings.read_text()}kill_switch = "armed"\n')
        self.machine("systemctl", "restart", PROBE)
        wait_until(lambda: "killswitch" in self.tables(), 10, "the kill switch is armed")
        before = self.shell("ip netns exec vpn nft -a list tables | grep killswitch")
        incidents = {(one["id"], one["start"]) for one in self.ask("/incidents")["incidents"]}
        self.assertTrue(incidents)
        database = self.machine.root / "var/lib/vpn-sentinel/hub/hub.db"
        newest = older_package.schema(database)
        self.machine("systemctl", "stop", HUB)
        self.assertLess(older_package.turn_back(self.machine.root), newest)
        self.machine("systemctl", "start", HUB)
        pids = [self.show(unit, "MainPID") for unit in (HUB, PROBE)]
        written = {name: (folder / name).read_text() for name in ("probe.toml", "alerts.toml")}
        # The user has changed two files of settings, and so has the package: dpkg asks, and is told to keep the user's.
        self.install(self.new, "--force-confdef --force-confold")
        self.assert_installed("0.1.0")
        self.assertEqual({name: (folder / name).read_text() for name in written}, written)
        self.assertEqual(self.shell("cd /etc/vpn-sentinel; ls *.dpkg-*").split(), ["alerts.toml.dpkg-dist", "probe.toml.dpkg-dist"])
        # The third is replaced without a question.
        self.assertLess(len((folder / "hub.toml").read_text().splitlines()), 10)
        self.assertEqual(self.shell("stat -c '%a %U %G' /etc/vpn-sentinel/hub.toml").strip(), "640 root vpn-sentinel-hub")
        for unit, old in zip((HUB, PROBE), pids, strict=True):
            self.assertNotEqual(self.show(unit, "MainPID"), old)
            self.assertEqual(self.show(unit, "ActiveState"), "active")
            self.assertEqual(self.show(unit, "NeedDaemonReload"), "no")
        self.assertIn("vpn-sentinel-tunnels.target", self.show(PROBE, "Wants"))
        self.assertEqual(self.shell("ip netns exec vpn nft -a list tables | grep killswitch"), before)
        self.assertEqual(older_package.schema(database), newest)
        self.assertIn("reader", self.machine("vpn-sentinel-hub", "key", "list"))
        self.assertLessEqual(incidents, {(one["id"], one["start"]) for one in self.ask("/incidents")["incidents"]})
        self.wait_for("contained")

    def test_08b_the_next_upgrade_asks_nothing_although_there_are_other_settings(self) -> None:
        settings = self.machine.root / "etc/vpn-sentinel/probe.toml"
        written = settings.read_text()
        self.install(self.newer)
        self.assert_installed(older_package.NEWER)
        self.assertEqual(settings.read_text(), written)
        self.assertIn("One setting more", self.shell("cat /usr/share/doc/vpn-sentinel-probe/examples/probe.toml"))

    def test_09_the_sample_service_runs_inside_and_only_while_somebody_watches(self) -> None:
        self.shell("""mkdir -p /etc/netns/vpn; echo nameserver 198.51.100.1 > /etc/netns/vpn/resolv.conf
            cp /usr/share/doc/vpn-sentinel-probe/examples/vpn-sentinel-guarded-example.service /etc/systemd/system/guarded.service
            systemctl daemon-reload; systemctl start guarded.service""")
        pid = self.show("guarded.service", "MainPID")
        inside, name = self.shell(f"stat -Lc %i /proc/{pid}/ns/net /run/netns/vpn").split()
        self.assertEqual(inside, name)
        self.assertIn("198.51.100.1", self.shell(f"cat /proc/{pid}/root/etc/resolv.conf"))
        self.machine("systemctl", "stop", PROBE)
        self.assertEqual(self.show("guarded.service", "ActiveState"), "inactive")
        self.shell("rm -r /etc/netns /etc/systemd/system/guarded.service; systemctl daemon-reload")
        self.assertIn("killswitch", self.tables())

    def test_10_a_removal_opens_the_kill_switch_and_keeps_settings(self) -> None:
        # The namespace outlives the unit, so that its tables can be looked at.
        self.shell("touch /run/held; mount --bind /run/netns/vpn /run/held")
        self.machine("systemctl", "start", PROBE)
        # One that fails takes the guard away from nobody.
        self.shell("! TMPDIR=/nowhere dpkg --remove vpn-sentinel-probe")
        self.assertEqual(self.show(PROBE, "ActiveState"), "active")
        self.shell("dpkg --remove vpn-sentinel-probe vpn-sentinel-hub")
        self.assertEqual(self.shell("nsenter --net=/run/held nft list tables"), "")
        self.shell("umount /run/held; rm /run/held")
        self.assertIn("probe.toml", self.shell("ls /etc/vpn-sentinel"))
        self.assertEqual(self.shell("find /var/lib/vpn-sentinel -name '*.disarmed'"), "")
        self.assertEqual(self.shell("systemctl list-units --no-legend 'vpn-sentinel*'"), "")

    def test_11_a_purge_leaves_nothing(self) -> None:
        self.shell("dpkg --purge vpn-sentinel-probe vpn-sentinel-hub")
        self.assertEqual(self.files() - self.clean, set())
        for database in ("passwd", "group"):
            self.assertEqual(self.shell(f"getent {database} vpn-sentinel-hub vpn-sentinel-probe", check=False), "")
        self.assertEqual(self.shell("systemctl --failed --no-legend"), "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("tests", nargs="*")
    given = parser.parse_args()
    global BUILD
    BUILD = given.build.resolve()
    tests = given.tests or ["Packages", "Debian"]
    reason = debian_tree.missing()
    if reason:
        print(f"SKIPPED: {reason}")
        return 77
    started = time.monotonic()
    # A commit that comes between two packings would be another date.
    newest = run(["git", "-c", f"safe.directory={PACKAGING.parent}", "-C", str(PACKAGING), "log", "-1", "--format=%ct"])
    os.environ.setdefault("SOURCE_DATE_EPOCH", newest.strip())
    Packages.build, Packages.debs = BUILD, make_debs(BUILD, "0.1.0")
    Debian.new = Packages.debs
    Debian.old = older_package.older(Debian.new, BUILD / "debian-packages/older")
    Debian.newer = older_package.newer(Debian.new, BUILD / "debian-packages/newer")
    try:
        tree = debian_tree.make(BUILD / "debian-tree", debian_tree.needed_packages(Debian.new))
        print(f"the tree was made or found in {time.monotonic() - started:.0f} s")
        with Booted(tree) as machine:
            print(f"booted after {time.monotonic() - started:.0f} s")
            Debian.machine = machine
            program = unittest.main(argv=[sys.argv[0], *tests], exit=False, verbosity=2, failfast=True)
    except LabError as error:
        print(f"SKIPPED: {error}")
        return 77
    print(f"all in {time.monotonic() - started:.0f} s")
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
