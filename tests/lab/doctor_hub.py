#!/usr/bin/env python3
"""What doctor says of a real hub on loopback: that it is there and takes the key, or what stands between; nothing of it is stored.

    doctor_hub.py --build FOLDER [TEST…]
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

import suite
from certificates import make_authority, make_server
from hub_daemon import KEY, HubDaemon, free_ports

BUILD = Path()


class Page(http.server.BaseHTTPRequestHandler):
    """A login page: says 200 to everything."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Log in</html>")

    def log_message(self, format: str, *args: object) -> None:
        pass


def lines_of(url: str, key: str = KEY, **more: str) -> dict[str, dict]:
    environment = {"PATH": "/usr/bin:/bin", "VPN_SENTINEL_URL": url, "VPN_SENTINEL_API_KEY": key, "VPN_SENTINEL_DATA_DIR": "/tmp", **more}
    done = subprocess.run([str(BUILD / "vpn-sentinel-probe"), "doctor", "--json"], env=environment, capture_output=True, text=True, timeout=60)
    return {line["name"]: line for line in json.loads(done.stdout)["lines"]}


class DoctorHub(unittest.TestCase):
    hub: HubDaemon

    @classmethod
    def setUpClass(cls) -> None:
        cls.hub = cls.enterClassContext(HubDaemon(BUILD))
        cls.hub.start()
        cls.url = cls.hub.url.removesuffix("/api/v1")

    def bad(self, url: str, expected: str, remedy: str, key: str = KEY, **more: str) -> None:
        line = lines_of(url, key, **more)["hub"]
        self.assertEqual(line["status"], "missing", line)
        self.assertIn(expected, line["detail"])
        self.assertIn(remedy.lower(), line["remedy"].lower())  # words that it has on a host and in a container
        self.assertTrue(line["lost"])

    def test_a_hub_takes_the_key_agrees_on_the_time_and_stores_nothing(self) -> None:
        lines = lines_of(self.url)
        self.assertEqual((lines["hub"]["status"], lines["clock"]["status"]), ("ok", "ok"), lines)
        self.assertEqual(json.loads(self.hub.fetch("/api/v1/clients")[1])["clients"], [])

    def test_wrong_and_missing_keys_are_told_apart(self) -> None:
        self.bad(self.url, "answered 403", "key add", key="wrong")
        self.bad(self.url, "answered 401", "key", key="")

    def test_a_key_of_one_client_is_enough(self) -> None:
        added = subprocess.run(
            [str(self.hub.binary), "key", "add", "doctor", "--clients", "office"],
            env=self.hub.environment, capture_output=True, text=True, timeout=20, check=True)
        key = next(word for word in added.stdout.split() if word.startswith("vs_"))
        lines = {}
        for _ in range(50):  # a running hub sees the file within a second
            lines = lines_of(self.url, key)
            if lines["hub"]["status"] == "ok":
                break
        self.assertEqual(lines["hub"]["status"], "ok", lines["hub"])

    def test_an_address_that_the_hub_does_not_allow_is_no_wrong_key(self) -> None:
        with HubDaemon(BUILD, VPN_SENTINEL_SERVER_ALLOWED_IPS="192.0.2.0/24") as strict:
            strict.start()
            self.bad(strict.url.removesuffix("/api/v1"), "Access denied", "VPN_SENTINEL_SERVER_ALLOWED_IPS")

    def test_nobody_there_and_nobody_who_answers_are_two_things(self) -> None:
        self.bad(f"http://127.0.0.1:{free_ports(1)[0]}", "refused", "VPN_SENTINEL_URL")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.bad(f"http://127.0.0.1:{silent.getsockname()[1]}", "no reply", "hub's")

    def test_what_is_no_hub_is_not_taken_for_one(self) -> None:
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.bad(f"http://127.0.0.1:{server.server_port}", "no hub", "VPN_SENTINEL_URL")
            server.shutdown()
        self.bad(self.url, "answered 404", "VPN_SENTINEL_API_PATH", VPN_SENTINEL_API_PATH="/other")

    def test_a_certificate_that_nobody_vouches_for_is_told(self) -> None:
        with HubDaemon(BUILD) as secure:
            authority = make_authority(secure.folder)
            certificate = make_server(secure.folder, "hub", ["hub.lab.test"], ["127.0.0.1"])
            secure.start(VPN_SENTINEL_TLS_CERT_PATH=str(certificate), VPN_SENTINEL_TLS_KEY_PATH=str(secure.folder / "hub.key"))
            url = f"https://127.0.0.1:{secure.api_port}"
            self.bad(url, "certificate", "VPN_SENTINEL_TLS_CERT_PATH")
            line = lines_of(url, VPN_SENTINEL_TLS_CERT_PATH=str(authority))["hub"]
            self.assertEqual(line["status"], "ok", line)

    def test_offline_nobody_is_asked(self) -> None:
        environment = {**os.environ, "VPN_SENTINEL_URL": self.url, "VPN_SENTINEL_DATA_DIR": "/tmp"}
        done = subprocess.run([str(BUILD / "vpn-sentinel-probe"), "doctor", "--json", "--offline"], env=environment, capture_output=True, timeout=60)
        self.assertFalse([line for line in json.loads(done.stdout)["lines"] if line["group"] == "hub"])


def main() -> int:
    parser = suite.parser_of(__doc__)
    given: argparse.Namespace = parser.parse_args()
    global BUILD
    BUILD = given.build.resolve()
    return suite.run(DoctorHub, given.tests)


if __name__ == "__main__":
    sys.exit(main())
