"""How the units behave on a booted Debian: their order, and what rights they leave the probe. Run by debian_packages.py."""

from __future__ import annotations

import shutil

from debian_case import HUB, PROBE, OnDebian
from process import wait_until

# linux/capability.h
DAC_OVERRIDE, DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, SYS_ADMIN = (1 << number for number in (1, 2, 12, 19, 21))
RIGHTS_TO_LOOK = DAC_OVERRIDE | DAC_READ_SEARCH | SYS_PTRACE
BPF_AND_PERFMON = 1 << 38 | 1 << 39


class UnitsOnDebian(OnDebian):
    def test_08c_probes_start_after_tunnels_and_stop_before_them(self) -> None:
        """Debian's own units and those of the package; only what they run is replaced. A tunnel stands when somebody writes to its pipe."""
        self.machine("systemctl", "stop", PROBE)
        probes = ["vpn-sentinel-probe.service", "vpn-sentinel-probe@order.service"]
        tunnels = ["wg-quick@one.service", "openvpn-client@two.service", "openvpn-server@three.service", "openvpn@four.service"]
        folder = self.machine.root / "etc/systemd/system"
        drop_ins = {}
        for unit in (*probes, *tunnels):
            wait = "" if unit in probes else "read line </run/tunnel-%i; "
            drop_ins[unit] = ("[Service]\nType=oneshot\nRemainAfterExit=yes\nRestart=no\nWatchdogSec=0\nWorkingDirectory=/\nExecStop=\nExecReload=\n"
                              f"ExecStart=\nExecStart=+/bin/sh -c '{wait}echo start %N >>/run/order'\n"
                              "ExecStop=+/bin/sh -c 'echo stop %N >>/run/order'\n")
        for unit, text in drop_ins.items():
            (folder / f"{unit}.d").mkdir()
            (folder / f"{unit}.d/test.conf").write_text(text)
        for tunnel in tunnels:
            pipe = f"/run/tunnel-{tunnel.split('@')[1].removesuffix('.service')}"
            units = f"{tunnel} {' '.join(probes)}"
            # All stop together, as at a shutdown.
            (folder / "order.target").write_text(f"[Unit]\nWants={units}\nPropagatesStopTo={units} vpn-sentinel-tunnels.target\n")
            self.shell(f"mkfifo {pipe}; systemctl daemon-reload; systemctl start --no-block order.target")
            wait_until(lambda tunnel=tunnel: self.show(tunnel, "ActiveState") == "activating", 10, f"{tunnel} starts")
            wait_until(lambda: self.show("vpn-sentinel-netns@order.service", "ActiveState") == "active", 10, "the namespace is there")
            self.assertEqual([self.show(probe, "ActiveState") for probe in probes], ["inactive", "inactive"], tunnel)
            self.shell(f"echo up >{pipe}")
            wait_until(lambda: {self.show(probe, "ActiveState") for probe in probes} == {"active"}, 10, "the probes start")
            self.machine("systemctl", "stop", "order.target")
            wait_until(lambda tunnel=tunnel: self.show(tunnel, "ActiveState") == "inactive", 10, f"{tunnel} stops")
            told = [line.split("@")[0] for line in self.shell("cat /run/order; rm /run/order").splitlines()]
            name, probe = tunnel.split("@")[0], "vpn-sentinel-probe"
            self.assertEqual(told, [f"start {name}", *[f"start {probe}"] * 2, *[f"stop {probe}"] * 2, f"stop {name}"])
            wait_until(lambda: self.show("vpn-sentinel-tunnels.target", "ActiveState") == "inactive", 10, "nobody waits for tunnels any more")
        self.assert_a_hanging_tunnel_is_not_waited_for(tunnels[0], probes)
        self.assertNotIn("ordering cycle", self.machine("journalctl", "-o", "cat", "--no-pager"))
        # Who does not want the order takes it away.
        self.assertIn("vpn-sentinel-tunnels.target", self.show(tunnels[0], "Before").split())
        (folder / "wg-quick@.service.d").mkdir()
        (folder / "wg-quick@.service.d/50-vpn-sentinel.conf").symlink_to("/dev/null")
        self.machine("systemctl", "daemon-reload")
        self.assertFalse([unit for unit in self.show(tunnels[0], "Before").split() if unit.startswith("vpn-sentinel")])
        shutil.rmtree(folder / "wg-quick@.service.d")
        for unit in drop_ins:
            shutil.rmtree(folder / f"{unit}.d")
        (folder / "order.target").unlink()
        self.shell("rm /run/tunnel-*; systemctl daemon-reload; systemctl stop vpn-sentinel-netns@order.service")
        self.machine("systemctl", "start", PROBE)

    def assert_a_hanging_tunnel_is_not_waited_for(self, tunnel: str, probes: list[str]) -> None:
        """By default a minute, here a second; and not at all by a probe that is started again meanwhile."""
        self.assertEqual(self.show("vpn-sentinel-tunnels.target", "JobTimeoutUSec"), "1min")
        shorter = self.machine.root / "etc/systemd/system/vpn-sentinel-tunnels.target.d/test.conf"
        shorter.parent.mkdir(parents=True)
        shorter.write_text("[Unit]\nJobTimeoutSec=1\n")
        self.machine("systemctl", "daemon-reload")
        self.machine("systemctl", "start", "--no-block", tunnel, *probes)
        wait_until(lambda: {self.show(probe, "ActiveState") for probe in probes} == {"active"}, 10, "the probes start without the tunnel")
        self.assertEqual(self.show(tunnel, "ActiveState"), "activating")
        self.machine("systemctl", "stop", tunnel, *probes)
        shutil.rmtree(shorter.parent)
        self.shell("rm /run/order; systemctl daemon-reload; systemctl reset-failed")

    def test_08e_a_probe_is_started_again_while_the_hub_is_starting(self) -> None:
        slow = self.machine.root / f"etc/systemd/system/{HUB}.d/test.conf"
        slow.parent.mkdir(parents=True)
        slow.write_text("[Service]\nExecStart=\nExecStart=/bin/sleep infinity\n")
        self.machine("systemctl", "daemon-reload")
        self.machine("systemctl", "restart", "--no-block", HUB)
        wait_until(lambda: self.show(HUB, "ActiveState") == "activating", 10, "the hub is starting")
        own = "vpn-sentinel-probe.service"
        own_settings = self.machine.root / f"etc/systemd/system/{own}.d/test.conf"
        own_settings.parent.mkdir(parents=True)
        own_settings.write_text("[Service]\nExecStart=\nExecStart=/usr/bin/vpn-sentinel-probe run --netns self --client-id own\n")
        self.machine("systemctl", "daemon-reload")
        self.machine("systemctl", "start", own)
        before = self.show(own, "MainPID")
        self.machine("systemctl", "kill", "-s", "KILL", own)
        wait_until(lambda: self.show(own, "ActiveState") == "active" and self.show(own, "MainPID") != before, 10, "the probe runs again")
        self.assertEqual(self.show(HUB, "ActiveState"), "activating")
        self.machine("systemctl", "stop", own)
        shutil.rmtree(slow.parent)
        shutil.rmtree(own_settings.parent)
        self.machine("systemctl", "daemon-reload")
        self.machine("systemctl", "restart", HUB)

    def rights(self, unit: str) -> dict[str, int]:
        """The sets of all threads; one that looks at something just now is waited for."""
        tasks = f"/proc/{self.show(unit, 'MainPID')}/task"
        told = {}

        def at_rest() -> bool:
            told.clear()
            # A thread may end meanwhile.
            for line in self.shell(f"sed -n '/^Cap/p' {tasks}/*/status 2>/dev/null || :").splitlines():
                name, mask = line.split(":")
                told[name] = told.get(name, 0) | int(mask, 16)
            return "CapEff" in told and told["CapEff"] & (RIGHTS_TO_LOOK | SYS_ADMIN) == 0

        wait_until(at_rest, 10, f"the rights of {unit} rest", 0.01)
        return told

    def test_08d_rights_rest_until_they_are_needed_and_some_are_given_up(self) -> None:
        kept = NET_ADMIN | BPF_AND_PERFMON | RIGHTS_TO_LOOK | SYS_ADMIN
        self.assertEqual(self.rights(PROBE), {"CapInh": 0, "CapAmb": 0, "CapBnd": kept, "CapPrm": kept, "CapEff": NET_ADMIN | BPF_AND_PERFMON})
        # The machine's own namespace need not be entered, and nobody is to be named.
        own = "vpn-sentinel-probe.service"
        self.shell(f"mkdir -p /run/systemd/system/{own}.d; printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/vpn-sentinel-probe run --netns self"
                   f" --client-id own --connections off\\n' >/run/systemd/system/{own}.d/test.conf; systemctl daemon-reload; systemctl start {own}")
        told = self.rights(own)
        self.assertEqual((told["CapPrm"], told["CapEff"]), (NET_ADMIN | RIGHTS_TO_LOOK, NET_ADMIN))
        self.shell(f"systemctl stop {own}; rm -r /run/systemd/system/{own}.d; systemctl daemon-reload")
        self.assertNotIn("rights that are not needed", self.machine("journalctl", "-o", "cat", "--no-pager"))
