#!/usr/bin/env python3
"""The files for Prometheus and Grafana: promtool likes them, they ask for what /metrics really has, and a real Prometheus alerts by them.

    prometheus.py --build FOLDER [TEST…]

On loopback, with a hub of its own. Of the example only intervals, the target's port and the job's folder are others.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import unittest
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import unpacked
from hub_daemon import KEY, HubDaemon, free_ports
from process import Identity, LabError, end, spawn, wait_until

BUILD = Path()
PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
FILES = PACKAGING / "prometheus"
DASHBOARD = PACKAGING / "grafana/vpn-sentinel.json"
PATIENCE = 60.0
REPORT = {
    "schema": 2, "client_id": "office", "boot_id": "6f1c0a", "seq": 1, "timestamp": datetime.now(timezone.utc).isoformat(),
    "status": "alive", "lease_s": 600, "path": "tunnel", "trigger": "interval", "public_ip": "198.51.100.2", "state": "danger",
    "findings": [{"code": "route_outside", "severity": "danger", "since": "2026-11-21T10:00:00Z", "evidence": {}}],
    "leak": {"counting": True, "since": "2026-11-21T09:00:00Z", "packets": 7, "bytes": 900, "dns_packets": 3, "v4_packets": 7, "v6_packets": 0,
             "endpoint_packets": 1, "local_packets": 40, "destinations": []},
    "kill_switch": {"mode": "on-danger", "state": "failed", "why": "a right is missing", "since": "2026-11-21T09:00:00Z", "stopped_packets": 12},
    "ruleset": {"verdict": "lets_out"},
}  # fmt: skip
WORDS = re.compile(r"\b(?:vpn_sentinel|process)_[a-z_]+")


def panels() -> list[dict]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def dashboard_questions() -> list[str]:
    """As Grafana would ask them."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    found += [note["expr"] for note in dashboard["annotations"]["list"]]
    return [text.replace("$__rate_interval", "1m").replace("$hub", ".*") for text in found]


def rules_text() -> str:
    """Without comments and the words for people."""
    lines = (FILES / "vpn-sentinel.rules.yml").read_text().splitlines()
    return "\n".join(line for line in lines if not re.match(r"\s*(#|summary:|description:)", line))


class Operators(unittest.TestCase):
    hub: HubDaemon
    prometheus: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.prometheus, cls.promtool = unpacked.find(BUILD, "prometheus", "promtool") or ["", ""]
        cls.hub = cls.enterClassContext(HubDaemon(BUILD, VPN_SENTINEL_METRICS_CLIENTS="true"))
        cls.hub.start(60)
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{cls.hub.url}/keepalive", json.dumps(REPORT).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 200

    def metrics(self, accept: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.hub.health_port}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def series(self) -> dict[str, list[dict[str, str]]]:
        """Names of samples with the labels of each."""
        found: dict[str, list[dict[str, str]]] = {}
        for line in self.metrics("text/plain").splitlines():
            named = re.match(r"(\w+)(?:\{(.*)\})? ", line) if not line.startswith("#") else None
            if named:
                found.setdefault(named[1], []).append(dict(re.findall(r'(\w+)="([^"]*)"', named[2] or "")))
        return found

    def test_each_metric_that_is_asked_for_is_there(self) -> None:
        there = set(self.series())
        # Of a counter that nobody has counted yet only the title is there.
        there |= set(re.findall(r"^# TYPE (\w+) ", self.metrics("text/plain"), re.MULTILINE))
        for where, text in (("rules", rules_text()), *(("dashboard", text) for text in dashboard_questions())):
            self.assertLessEqual(set(WORDS.findall(text)), there, f"{where}: {text}")
        query = json.loads(DASHBOARD.read_text())["templating"]["list"][1]["query"]["query"]
        self.assertIn(WORDS.search(query)[0], there)

    def test_each_label_that_is_asked_for_has_such_values(self) -> None:
        series = self.series()
        # The only client here is in one state; the states of all are those of the counted ones.
        states = {labels["state"] for labels in series["vpn_sentinel_clients"]}
        asked = 0
        for text in (rules_text(), *dashboard_questions()):
            for name, inside in re.findall(r"\b((?:vpn_sentinel|process)_\w+)\{([^}]*)\}", text):
                for label, operator, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', inside):
                    if label in ("job", "instance"):
                        continue
                    known = states if name == "vpn_sentinel_client_state" else {labels.get(label, "") for labels in series[name]}
                    wanted = value.split("|") if operator == "=~" else [value]
                    self.assertLessEqual(set(wanted), known, f"{name}: {label}")
                    asked += 1
        self.assertGreater(asked, 10)

    def test_the_dashboard_is_one(self) -> None:
        dashboard = json.loads(DASHBOARD.read_text())
        self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(dashboard["panels"]))
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            self.assertFalse(taken & cells, f"{panel['title']} lies on another panel")
            taken |= cells
        for panel in panels():
            self.assertEqual(panel["datasource"]["uid"], "${datasource}", panel["title"])
            self.assertTrue(panel["targets"], panel["title"])

    def test_promtool_likes_rules_and_configuration_and_its_tests_pass(self) -> None:
        if not self.promtool:
            self.skipTest("there is no promtool (packaging/packages-unpacked.txt)")
        for words in ("check rules vpn-sentinel.rules.yml", "check config prometheus.yml", "test rules vpn-sentinel.tests.yml"):
            done = subprocess.run([self.promtool, *words.split()], cwd=FILES, capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        named = set(re.findall(r"alert: (\w+)", rules_text()))
        tested = set(re.findall(r"\b(VpnSentinel\w+)", (FILES / "vpn-sentinel.tests.yml").read_text()))
        self.assertEqual(named, tested)
        metrics = subprocess.run([self.promtool, "check", "metrics"], input=self.metrics("text/plain"), capture_output=True, text=True, timeout=60)
        self.assertNotIn("error while linting", metrics.stderr)

    def start_prometheus(self) -> str:
        """Its address."""
        folder = self.hub.folder / "prometheus"
        folder.mkdir()
        shutil.copy(FILES / "vpn-sentinel.rules.yml", folder)
        config = (FILES / "prometheus.yml").read_text()
        for old, new in (("15s", "1s"), ("127.0.0.1:8081", f"127.0.0.1:{self.hub.health_port}")):
            self.assertIn(old, config)
            config = config.replace(old, new)
        (folder / "prometheus.yml").write_text(config)
        port = free_ports(1)[0]
        argv = [self.prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        argv.append(f"--web.listen-address=127.0.0.1:{port}")
        log = folder / "log"
        process = spawn(argv, log, True)
        identity = Identity.of(process.pid)
        self.addCleanup(process.wait, 15)
        self.addCleanup(end, [identity] if identity else [])

        def is_ready() -> bool:
            if process.poll() is not None:
                raise LabError(f"Prometheus ended with {process.returncode}: {log.read_text()[-2000:]}")
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=PATIENCE).status == 200
            except OSError:
                return False

        wait_until(is_ready, PATIENCE, "Prometheus is ready", 0.1)
        return f"http://127.0.0.1:{port}/api/v1"

    def test_a_real_prometheus_alerts_and_answers_what_the_dashboard_asks(self) -> None:
        if not self.prometheus:
            self.skipTest("there is no Prometheus (packaging/packages-unpacked.txt)")
        api = self.start_prometheus()

        def ask(path: str) -> dict:
            with urllib.request.urlopen(f"{api}{path}", timeout=PATIENCE) as answer:
                return json.load(answer)["data"]

        def firing() -> list[dict]:
            return [alert["labels"] for alert in ask("/alerts")["alerts"] if alert["state"] == "firing"]

        wait_until(lambda: any(alert["alertname"] == "VpnSentinelDanger" for alert in firing()), PATIENCE, "the alert fires", 0.1)
        danger = [(alert["client"], alert["severity"]) for alert in firing() if alert["alertname"] == "VpnSentinelDanger"]
        self.assertEqual(danger, [("office", "critical")])
        scrape = ask("/targets")["activeTargets"][0]
        self.assertEqual((scrape["health"], scrape["lastError"]), ("up", ""))
        for text in dashboard_questions():
            with self.subTest(question=text):
                found = ask(f"/query?{urllib.parse.urlencode({'query': text})}")["result"]
                # Rates need two scrapes and something that happens.
                if re.search(r"\b(rate|increase|changes)\(", text) is None:
                    self.assertTrue(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("tests", nargs="*", metavar="TEST")
    given = parser.parse_args()
    global BUILD
    BUILD = given.build.resolve()
    names = [f"Operators.{test}" for test in given.tests] or ["Operators"]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names, sys.modules[__name__])
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
