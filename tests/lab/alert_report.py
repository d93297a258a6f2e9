"""Reports of one client, "office", that bring alerts: for proofs of channels."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime, timezone

from hub_daemon import KEY, HubDaemon


def report(seq: int, state: str, address: str = "198.51.100.2") -> bytes:
    findings = []
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if state == "danger":
        findings = [{"code": "default_route_outside", "severity": "danger", "since": now, "evidence": {"gateway": "203.0.113.1"}}]
    return json.dumps(
        {"schema": 2, "client_id": "office", "boot_id": "b1", "seq": seq, "timestamp": now, "lease_s": 600, "path": "tunnel",
         "trigger": "change", "client_version": "1.0.0", "state": state, "public_ip": address, "findings": findings}
    ).encode()  # fmt: skip


def tell(hub: HubDaemon, body: bytes) -> None:
    request = urllib.request.Request(f"{hub.url}/keepalive", data=body, headers={"X-API-Key": KEY, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200, answer.status
