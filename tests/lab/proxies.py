#!/usr/bin/env python3
"""The examples of packaging/proxies, with real nginx and Caddy before a real hub on loopback: TLS, WebSocket, whose address counts, who is who.

    proxies.py --build FOLDER [CASE.TEST…]

Of the examples only ports, addresses to listen at, certificates and folders are replaced. Traefik is not in Debian: its file is read.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import socket
import sys
import unittest
from pathlib import Path

import unpacked
from behind_proxy import HOST, LET_IN, NOT_LET_IN, PATIENCE, AuthService, ProxiedHub
from hub_daemon import KEY, free_ports
from process import Identity, LabError, end, spawn, wait_until
from websocket import Refused, WebSocket

BUILD = Path()
EXAMPLES = Path(__file__).resolve().parents[2] / "packaging/proxies"


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """A text that is not there any more is a fault of the example or of this test."""
    for old, new in pairs:
        if old not in text:
            raise LabError(f"the example has no '{old}'")
        text = text.replace(old, new)
    return text


class Nginx:
    programs = ["nginx"]

    @staticmethod
    def prepare(hub: ProxiedHub, auth: AuthService, checked: bool) -> list[str]:
        folder = hub.folder
        site = (EXAMPLES / "nginx" / ("vpn-sentinel-forward-auth.conf" if checked else "vpn-sentinel.conf")).read_text()
        listen = f"127.0.0.1:{hub.port}"
        plain = f"127.0.0.1:{free_ports(1)[0]}"
        site = replaced(site, ("listen 443 ", f"listen {listen} "), ("  listen [::]:443 ssl http2;\n", ""), ("listen 80;", f"listen {plain};"),
                        ("  listen [::]:80;\n", ""), ("/etc/ssl/hub.example.org.pem", f"{folder}/hub.crt"),
                        ("/etc/ssl/private/hub.example.org.key", f"{folder}/hub.key"), ("/etc/nginx/snippets", str(EXAMPLES / "nginx")),
                        ("server 127.0.0.1:5000", f"server 127.0.0.1:{hub.api_port}"))
        if checked:
            site = replaced(site, ("127.0.0.1:9091", f"127.0.0.1:{auth.port}"))
        (folder / "site.conf").write_text(site)
        places = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(f"{user} daemon off; pid {folder}/nginx.pid; worker_processes 1; events {{ worker_connections 256; }}\n"
                                           f"http {{ access_log off; {places} include {folder}/site.conf; }}\n")
        return [unpacked.find(BUILD, "nginx")[0], "-e", "stderr", "-c", str(folder / "nginx.conf")]


class Caddy:
    programs = ["caddy"]

    @staticmethod
    def prepare(hub: ProxiedHub, auth: AuthService, checked: bool) -> list[str]:
        folder = hub.folder
        text = (EXAMPLES / "caddy" / ("Caddyfile.forward-auth" if checked else "Caddyfile")).read_text()
        text = replaced(text, (f"\n{HOST} {{", f"\n{HOST}:{hub.port} {{\n\tbind 127.0.0.1\n\ttls {folder}/hub.crt {folder}/hub.key"),
                        ("reverse_proxy 127.0.0.1:5000", f"reverse_proxy 127.0.0.1:{hub.api_port}"))
        if checked:
            text = replaced(text, ("127.0.0.1:9091", f"127.0.0.1:{auth.port}"))
        options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
        (folder / "Caddyfile").write_text(options + text)
        environment = ["env", f"HOME={folder}", f"XDG_DATA_HOME={folder}/caddy", f"XDG_CONFIG_HOME={folder}/caddy"]
        return [*environment, unpacked.find(BUILD, "caddy")[0], "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


class Proxy(unittest.TestCase):
    """What holds behind each proxy. `kind` and `checked` say which example it is."""

    kind: type
    checked = False
    hub: ProxiedHub

    @classmethod
    def setUpClass(cls) -> None:
        if unpacked.find(BUILD, *cls.kind.programs) is None:
            raise unittest.SkipTest(f"not there: {', '.join(cls.kind.programs)} (packaging/packages-unpacked.txt)")
        cls.auth = AuthService()
        cls.addClassCleanup(cls.auth.close)
        cls.hub = cls.enterClassContext(ProxiedHub(BUILD, free_ports(1)[0]))
        cls.hub.add_user()
        cls.hub.start(60)
        log = cls.hub.folder / "proxy.log"
        proxy = spawn(cls.kind.prepare(cls.hub, cls.auth, cls.checked), log, True)
        identity = Identity.of(proxy.pid)
        cls.addClassCleanup(proxy.wait, 15)
        cls.addClassCleanup(end, [identity] if identity else [])

        def listens() -> bool:
            if proxy.poll() is not None:
                raise LabError(f"the proxy ended with {proxy.returncode}: {log.read_text()[-2000:]}")
            try:
                cls.hub.connect(LET_IN).close()
            except OSError:
                return False
            return True

        wait_until(listens, PATIENCE, "the proxy listens", 0.02)

    seq = 0

    def report(self, state: str, **more: str) -> int:
        Proxy.seq += 1
        return self.hub.report(state, Proxy.seq, **more).status

    def credentials(self) -> dict[str, str]:
        """Of anna, as a browser has them."""
        if self.checked:
            return {"Cookie": "login=anna"}
        return {"Cookie": self.hub.log_in().partition(";")[0]}

    def live(self, **headers: str) -> WebSocket:
        origin = {"Origin": f"https://{HOST}:{self.hub.port}", **self.credentials(), **headers}
        return WebSocket.connect(f"wss://{HOST}:{self.hub.port}/api/v1/live", origin, PATIENCE, self.hub.connect(LET_IN), self.hub.tls)

    def test_reports_arrive_and_are_read(self) -> None:
        self.assertEqual(self.report("secure"), 200)
        answer = self.hub.ask("GET", "/api/v1/clients/office", headers=self.credentials())
        self.assertEqual((answer.status, answer.json["state"]), (200, "secure"), answer)
        self.assertEqual(answer.headers["Strict-Transport-Security"], "max-age=31536000")

    def test_the_page_is_served(self) -> None:
        answer = self.hub.ask("GET", "/dashboard", headers=self.credentials())
        self.assertEqual(answer.status, 200)
        self.assertIn(b"VPN Sentinel", answer.body)

    def test_a_large_batch_passes(self) -> None:
        # What the hub takes: 1 MiB. This one is refused by the hub for what it says, not by the proxy for its size.
        body = {"events": [], "padding": "x" * 1_040_000}
        self.assertEqual(self.hub.ask("POST", "/api/v1/events", body, headers={"X-API-Key": KEY}).status, 400)

    def test_changes_are_pushed_through_the_websocket(self) -> None:
        self.assertEqual(self.report("secure"), 200)
        with self.live() as live:
            self.assertEqual(json.loads(live.receive(PATIENCE).text)["type"], "snapshot")
            self.assertEqual(self.report("danger"), 200)
            seen = next((message for message in live.messages(PATIENCE) if '"danger"' in message.text), None)
            self.assertIsNotNone(seen)
            self.assertLess(live.ping(b"still there", PATIENCE), PATIENCE)

    def test_a_page_of_another_site_opens_no_websocket(self) -> None:
        with self.assertRaises(Refused) as refused:
            self.live(Origin="https://elsewhere.example.org").close()
        self.assertEqual(refused.exception.status, 403)

    def test_the_address_is_the_clients_and_none_that_it_claims(self) -> None:
        self.assertEqual(self.report("secure", source=LET_IN), 200)
        self.assertEqual(self.report("secure", source=NOT_LET_IN), 403)
        for forged in (LET_IN, f"{LET_IN}, 127.0.0.1", f"127.0.0.1, {LET_IN}"):
            with self.subTest(forged=forged):
                self.assertEqual(self.report("secure", source=NOT_LET_IN, **{"X-Forwarded-For": forged}), 403)
                self.assertEqual(self.report("secure", source=NOT_LET_IN, **{"Forwarded": f"for={LET_IN}", "X-Real-IP": LET_IN}), 403)
        self.assertEqual(self.report("secure", **{"X-Forwarded-For": "no address"}), 200)

    def test_nobody_names_himself(self) -> None:
        self.assertIsNone(self.hub.user({"Remote-User": "anna"}))
        self.assertIsNone(self.hub.user({"remote-user": "anna", "Connection": "close, Remote-User"}))
        self.assertNotEqual(self.report("secure", key="", **{"Remote-User": "anna"}), 200)
        # The same by the hub itself, to show that it would have believed the proxy.
        status, body = self.hub_asked_as("anna")
        self.assertEqual((status, json.loads(body)["user"]["name"]), (200, "anna"))

    def hub_asked_as(self, name: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.api_port, timeout=PATIENCE)
        connection.request("GET", "/api/v1/session", headers={"Remote-User": name})
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found


class Plain(Proxy):
    def test_the_cookie_of_a_log_in_is_for_https_alone_and_the_log_names_the_client(self) -> None:
        cookie = self.hub.log_in(**{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"})
        self.assertTrue(cookie.startswith("__Host-vs_session="), cookie)
        self.assertTrue(cookie.endswith("; Secure"), cookie)
        rows = self.hub.ask("GET", "/api/v1/audit", headers={"Cookie": cookie.partition(";")[0]}).json["audit"]
        self.assertIn(LET_IN, {row["address"] for row in rows})
        self.assertNotIn("203.0.113.9", {row["address"] for row in rows})


class Checked(Proxy):
    checked = True

    def test_who_was_checked_is_a_user_of_the_hub(self) -> None:
        self.assertEqual(self.hub.user({"Cookie": "login=anna"}), "anna")
        self.assertEqual(self.hub.user({"Cookie": "login=anna", "Remote-User": "somebody"}), "anna")
        self.assertIsNone(self.hub.user({"Cookie": "login=stranger", "Remote-User": "anna"}))
        self.assertIsNone(self.hub.user({}))
        self.assertEqual(self.hub.ask("GET", "/dashboard").status, 401)


class NginxPlain(Plain):
    kind = Nginx

    def test_plain_http_leads_to_https(self) -> None:
        port = int(re.search(r"listen 127\.0\.0\.1:(\d+);", (self.hub.folder / "site.conf").read_text())[1])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            sock.sendall(f"GET /dashboard HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: sock.recv(4096), b"")).decode()
        self.assertTrue(answer.startswith("HTTP/1.1 308 "), answer)
        self.assertIn(f"Location: https://{HOST}/dashboard\r\n", answer)


class NginxChecked(Checked):
    kind = Nginx


class CaddyPlain(Plain):
    kind = Caddy


class CaddyChecked(Checked):
    kind = Caddy


class Traefik(unittest.TestCase):
    """Read, not run."""

    def setUp(self) -> None:
        try:
            import yaml
        except ImportError:
            self.skipTest("not installed: python3-yaml (packaging/packages-test.txt)")
        self.http = yaml.safe_load((EXAMPLES / "traefik/vpn-sentinel.yaml").read_text())["http"]

    def test_what_routers_name_is_there(self) -> None:
        for name, router in self.http["routers"].items():
            self.assertIn(router["service"], self.http["services"], name)
            self.assertLessEqual(set(router["middlewares"]), set(self.http["middlewares"]), name)
            # Nobody names himself on any way.
            self.assertIn("nameless", router["middlewares"], name)
        self.assertEqual(self.http["middlewares"]["nameless"]["headers"]["customRequestHeaders"], {"Remote-User": ""})
        self.assertEqual(self.http["middlewares"]["checked"]["forwardAuth"]["authResponseHeaders"], ["Remote-User"])

    def test_the_way_of_probes_is_theirs_alone(self) -> None:
        pattern = re.search(r"PathRegexp\(`(.*)`\)", self.http["routers"]["probes"]["rule"])[1]
        self.assertIn(pattern, (EXAMPLES / "nginx/vpn-sentinel-forward-auth.conf").read_text())
        for path in ("keepalive", "events", "connections", "enrol"):
            self.assertIsNotNone(re.search(pattern, f"/api/v1/{path}"))
        for path in ("/api/v1/clients", "/api/v1/connections/active", "/dashboard", "/x/api/v1/keepalive"):
            self.assertIsNone(re.search(pattern, path), path)


CASES = [NginxPlain, NginxChecked, CaddyPlain, CaddyChecked, Traefik]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("tests", nargs="*", metavar="CASE.TEST")
    given = parser.parse_args()
    global BUILD
    BUILD = given.build.resolve()
    if unpacked.find(BUILD, "nginx") is None and unpacked.find(BUILD, "caddy") is None:
        print("SKIPPED: neither nginx nor Caddy is there (packaging/packages-unpacked.txt)")
        return 77
    names = given.tests or [case.__name__ for case in CASES]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names, sys.modules[__name__])
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
