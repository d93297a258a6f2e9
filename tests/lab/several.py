#!/usr/bin/env python3
"""Several probes and several hubs: a group, two probes under one name, and hubs of which one dies and returns.

    several.py --build FOLDER [--screenshot FILE] [TEST…]
"""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path

import browser
import suite
from lab import Lab
from network import HUB
from stack import API, KEY, Stack, wait_for

BUILD = Path()
SCREENSHOT: Path | None = None
SECOND_API = f"http://{HUB['v4']}:5100"


class ManyStack(Stack):
    """Probes by name, each with a folder of its own, and a second hub on other ports."""

    def __init__(self, lab: Lab, build: Path) -> None:
        super().__init__(lab, build)
        self.children: list[subprocess.Popen] = []

    def probe_named(self, name: str, **more: str) -> subprocess.Popen:
        folder = {"VPN_SENTINEL_DATA_DIR": str(self.folder(f"probe-{name}"))}
        self.start_probe(**{"VPN_SENTINEL_CLIENT_ID": name, **folder, **more})
        self.children.append(self.probe)
        return self.probe

    def start_second_hub(self) -> subprocess.Popen:
        self.starts += 1
        environment = {
            "VPN_SENTINEL_API_KEY": KEY,
            "VPN_SENTINEL_SERVER_BIND": "0.0.0.0",
            "VPN_SENTINEL_SERVER_API_PORT": "5100",
            "VPN_SENTINEL_SERVER_WEB_DASHBOARD_ENABLED": "false",
            "VPN_SENTINEL_SERVER_HEALTH_PORT": "0",
            "VPN_SENTINEL_DATA_DIR": str(self.folder("second-hub")),
            "PATH": "/usr/bin:/bin",
        }
        log = self.lab.folder / f"second-hub-{self.starts}.log"
        hub = self.lab.popen("hub", [str(self.build / "vpn-sentinel-hub"), "run"], "second-hub", log, env=environment)
        self.children.append(hub)
        wait_for("the second hub answers", lambda: self.at_second("/clients") is not None, 15)
        return hub

    def at_second(self, path: str) -> dict | None:
        try:
            status, value = self.fetch(f"{SECOND_API}/api/v1{path}")
        except OSError:
            return None
        return value if status == 200 else None

    def second_state(self, client: str) -> str | None:
        value = self.at_second(f"/clients/{client}")
        return value["state"] if value else None

    def codes(self, client: str) -> dict[str, dict]:
        value = self.client(client)
        return {finding["code"]: finding for finding in value["findings"]} if value else {}

    def stop(self) -> None:
        for child in (*self.children, self.hub):
            if child is not None and child.poll() is None:
                child.terminate()
        for child in (*self.children, self.hub):
            if child is not None:
                child.wait(10)


def reached(changes: list[dict]) -> set[str]:
    return {change["to"] for change in changes}


class Several(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.start("wg-quick")
        self.stack = ManyStack(self.lab, BUILD)
        self.addCleanup(self.stack.stop)

    def look_at_the_page(self) -> None:
        if browser.installed() is None:
            print("\n  SKIPPED: the page of the group: not installed: chromium")
            return
        with browser.Browser(self.lab, "hub", "http://127.0.0.1:8080/dashboard") as page:
            badge = "document.querySelector('#clients .badge')?.parentNode.textContent"
            shown = wait_for("the page shows the group", lambda: page.evaluate(badge))
            if SCREENSHOT:
                page.screenshot(SCREENSHOT)
        self.assertTrue(shown.startswith("office group"), shown)
        self.assertIn("Rule: quorum:2", shown)
        self.assertIn("a: Secure", shown)

    def test_two_probes_of_a_group_are_one_client_more_and_who_is_missing_is_told(self) -> None:
        self.stack.start_hub(VPN_SENTINEL_GROUP_RULES="quorum:2", VPN_SENTINEL_DASHBOARD_BIND="127.0.0.1")
        self.stack.probe_named("a", VPN_SENTINEL_GROUP="office", VPN_SENTINEL_TAGS="home,nas-2")
        second = self.stack.probe_named("b", VPN_SENTINEL_GROUP="office")
        wait_for("the group is secure", lambda: self.stack.state("group:office") == "secure")
        groups = self.stack.fetch(f"{API}/api/v1/groups")[1]["groups"]
        self.assertEqual([(group["client_id"], group["rule"]) for group in groups], [("group:office", "quorum:2")])
        self.assertEqual([member["client_id"] for member in groups[0]["members"]], ["a", "b"])
        self.assertEqual([self.stack.client(name).get("tags") for name in ("a", "b")], [["home", "nas-2"], None])
        self.look_at_the_page()
        self.lab.break_tunnel("link_down")
        wait_for("the group is in danger", lambda: self.stack.state("group:office") == "danger")
        seen_by = self.stack.codes("group:office")["default_route_outside"]["evidence"]["seen_by"]
        self.assertLessEqual(set(seen_by), {"a", "b"})
        self.lab.heal()
        wait_for("the group is secure again", lambda: self.stack.state("group:office") == "secure")
        second.terminate()
        second.wait(10)
        wait_for("the quorum is missed", lambda: self.stack.state("group:office") == "warning")
        missed = self.stack.codes("group:office")["group_incomplete"]
        self.assertEqual((missed["severity"], missed["evidence"]["missing"]), ("warning", ["b"]))

    def test_two_probes_under_one_name_are_told(self) -> None:
        self.stack.start_hub()
        self.stack.probe_named("office")
        wait_for("the first probe is secure", lambda: self.stack.state("office") == "secure")
        self.stack.probe_named("other", VPN_SENTINEL_CLIENT_ID="office")
        finding = wait_for("the hub tells them apart", lambda: self.stack.codes("office").get("duplicate_client_id"))
        self.assertEqual(finding["severity"], "warning")
        self.assertEqual(self.stack.state("office"), "warning")

    def test_the_second_hub_takes_over_and_the_first_does_so_after_its_return(self) -> None:
        self.stack.start_hub()
        second = self.stack.start_second_hub()
        self.stack.probe_named("office", VPN_SENTINEL_URL=f"{API},{SECOND_API}")
        wait_for("the first hub hears the probe", lambda: self.stack.state("office") == "secure")
        self.stack.kill_hub()
        self.lab.break_tunnel("link_down")
        wait_for("the second hub hears of the danger", lambda: self.stack.second_state("office") == "danger", 15)
        self.lab.heal()
        wait_for("and of its end", lambda: self.stack.second_state("office") == "secure", 15)
        self.assertIn("danger", reached(self.stack.at_second("/clients/office/history")["changes"]))
        self.stack.start_hub()
        second.kill()
        second.wait(5)
        self.lab.break_tunnel("link_down")
        wait_for("the first hub hears of the next danger", lambda: self.stack.state("office") == "danger", 15)

    def test_with_all_each_hub_gets_everything_however_long_it_was_away(self) -> None:
        self.stack.start_hub()
        second = self.stack.start_second_hub()
        self.stack.probe_named("office", VPN_SENTINEL_URL=f"{API},{SECOND_API}", VPN_SENTINEL_HUB_MODE="all")
        wait_for("both hear the probe", lambda: self.stack.state("office") == self.stack.second_state("office") == "secure")
        second.kill()
        second.wait(5)
        self.lab.break_tunnel("link_down")
        wait_for("the first hub hears of the danger", lambda: self.stack.state("office") == "danger")
        self.lab.heal()
        wait_for("and of its end", lambda: self.stack.state("office") == "secure")
        self.stack.start_second_hub()

        def caught_up() -> bool:
            told = self.stack.at_second("/clients/office/history")
            return told is not None and "danger" in reached(told["changes"]) and self.stack.second_state("office") == "secure"

        wait_for("the second hub has heard of both", caught_up, 20)


def main() -> int:
    global BUILD, SCREENSHOT
    parser = suite.parser_of(__doc__)
    parser.add_argument("--screenshot", type=Path, help="of the page with the group, as a PNG file")
    given = suite.arguments(parser)
    BUILD, SCREENSHOT = given.build, given.screenshot
    return suite.run(Several, given.tests)


if __name__ == "__main__":
    sys.exit(main())
