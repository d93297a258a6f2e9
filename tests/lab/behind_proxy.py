"""A hub that stands behind a proxy on loopback, and who talks to it: from addresses of 127/8, by HTTPS. For proxies.py."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from certificates import make_authority, make_server
from hub_daemon import KEY, HubDaemon

HOST = "hub.example.org"
PASSWORD = "correct horse 42"
LET_IN, NOT_LET_IN = "127.0.0.2", "127.0.0.3"  # clients that may use the API, and not
PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


class ProxiedHub(HubDaemon):
    """API and dashboard at one port, as the examples want it, and a user anna. The proxy is at `port`."""

    def __init__(self, build: Path, port: int) -> None:
        super().__init__(
            build,
            VPN_SENTINEL_SERVER_TRUSTED_PROXIES="127.0.0.1",
            VPN_SENTINEL_SERVER_ALLOWED_IPS=LET_IN,
            VPN_SENTINEL_FORWARD_AUTH_HEADER="Remote-User",
            VPN_SENTINEL_FORWARD_AUTH_PROXIES="127.0.0.1",
        )
        self.environment["VPN_SENTINEL_SERVER_DASHBOARD_PORT"] = str(self.api_port)
        self.port = port
        make_authority(self.folder)
        make_server(self.folder, "hub", [HOST], ["127.0.0.1"])
        self.tls = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))

    def add_user(self) -> None:
        argv = [str(self.binary), "user", "add", "anna", "admin"]
        subprocess.run(argv, env=self.environment, input=f"{PASSWORD}\n", text=True, capture_output=True, check=True, timeout=60)

    def connect(self, source: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE, (source, 0))

    def ask(self, method: str, path: str, body: object = None, source: str = LET_IN, headers: Mapping[str, str] | None = None) -> Answer:
        sock = self.tls.wrap_socket(self.connect(source), server_hostname=HOST)
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        connection.sock = sock
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def report(self, state: str, seq: int, source: str = LET_IN, key: str = KEY, **headers: str) -> Answer:
        now = datetime.now(timezone.utc).isoformat()
        findings = [] if state == "secure" else [{"code": "route_outside", "severity": "danger", "since": now, "evidence": {}}]
        body = {"schema": 2, "client_id": "office", "boot_id": "6f1c0a", "seq": seq, "timestamp": now, "status": "alive",
                "lease_s": 60, "path": "tunnel", "trigger": "change", "public_ip": "198.51.100.2", "state": state, "findings": findings}
        return self.ask("POST", "/api/v1/keepalive", body, source, {"X-API-Key": key, **headers})

    def log_in(self, **headers: str) -> str:
        """The cookie."""
        answer = self.ask("POST", "/api/v1/login", {"user": "anna", "password": PASSWORD}, headers=headers)
        assert answer.status == 200, answer
        return answer.headers["Set-Cookie"]

    def user(self, headers: Mapping[str, str], source: str = LET_IN) -> str | None:
        """Whom the hub takes the client for; 401 of the proxy is None, too."""
        answer = self.ask("GET", "/api/v1/session", None, source, headers)
        if answer.status == 401:
            return None
        found = answer.json["user"]
        return found["name"] if found else None


class AuthService(http.server.ThreadingHTTPServer):
    """Checks people: `Cookie: login=NAME` is NAME; `login=stranger` may pass and has no name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = (self.headers["Cookie"] or "").partition("login=")[2]
        self.send_response(200 if name else 401)
        if name and name != "stranger":
            self.send_header("Remote-User", name)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
