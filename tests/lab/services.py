#!/usr/bin/env python3
"""The fake Internet of the lab's `inet` namespace: DNS, an HTTP echo of the caller's address, and Cloudflare's trace.

    services.py --certificate FILE --key FILE

    DNS    198.18.0.53 and 2001:db8:53::53, UDP and TCP, ports 53 and 5353
    HTTP   198.18.0.80 and 2001:db8:80::80, port 80:  /  the caller's address,  /cdn-cgi/trace  Cloudflare's text
           the same at 198.51.100.80, the VPN server's neighbour; look-alikes of the address services: address_services.py
           /control/dns-lateness/MILLISECONDS  from now on DNS answers to the VPN's exit are late by so much
    HTTPS  the same on port 443
"""

from __future__ import annotations

import argparse
import ipaddress
import signal
import time
from pathlib import Path

import dns_server
import http_server
from address_services import SERVICES, AddressServices
from flows import DNS_PORT
from network import DIRECT, DNS, EXIT, HUB, NEIGHBOUR, WEB

# Where the lab's addresses "are": country and site.
PLACES = {
    DIRECT["v4"]: ("DE", "FRA"),
    DIRECT["v6"]: ("DE", "FRA"),
    EXIT["v4"]: ("RO", "OTP"),
    EXIT["v6"]: ("RO", "OTP"),
    HUB["v4"]: ("NL", "AMS"),
    HUB["v6"]: ("NL", "AMS"),
}


class Echo(http_server.Handler):
    services = AddressServices()

    def do_GET(self) -> None:
        target = self.path.partition("?")[0]
        if target == "/":
            self.reply(200, f"{self.caller()}\n".encode())
        elif target == "/cdn-cgi/trace":
            self.reply(200, self._trace(self.caller()).encode())
        elif target.startswith("/control/dns-lateness/"):
            self._make_dns_late(target.rpartition("/")[2])
        elif target.startswith("/control/"):
            self.reply(200 if self.services.control(target.removeprefix("/")) else 404, b"")
        elif target.strip("/") in SERVICES:
            self._tell_address(target.strip("/"))
        else:
            self.reply(404, b"no such page\n")

    do_HEAD = do_GET

    def _make_dns_late(self, milliseconds: str) -> None:
        """DNS answers to whoever comes out of the VPN server are late, as over a long tunnel; all others are not."""
        dns_server.lateness = dict.fromkeys(EXIT.values(), int(milliseconds) / 1000)
        self.reply(200, b"")

    def _tell_address(self, service: str) -> None:
        status, body = self.services.answer(service, self.caller())
        if service == "trace" and isinstance(body, dict):
            body = self._trace(body["ip"]).encode()
        self.reply(status, body, "text/html" if isinstance(body, bytes) and body.startswith(b"<") else "text/plain")

    def _trace(self, caller: str) -> str:
        """Cloudflare's keys in Cloudflare's order; `h` is the host that was asked."""
        country, site = PLACES.get(caller, ("XX", "LAB"))
        cipher = getattr(self.connection, "cipher", None)
        tls = cipher()[1] if cipher is not None else "off"
        values = {
            "fl": "000f000",
            "h": _host(self.headers.get("Host", "")),
            "ip": caller,
            "ts": f"{time.time():.3f}",
            "visit_scheme": "http" if cipher is None else "https",
            "uag": self.headers.get("User-Agent", ""),
            "colo": site,
            "sliver": "none",
            "http": "http/1.1" if self.request_version == "HTTP/1.1" else "http/1.0",
            "loc": country,
            "tls": tls,
            "sni": "off" if cipher is None else "plaintext",
            "warp": "off",
            "gateway": "off",
            "rbi": "off",
            "kex": "none" if cipher is None else "X25519",
        }
        return "".join(f"{key}={value}\n" for key, value in values.items())


def _host(header: str) -> str:
    """The Host header without its port; an IPv6 address keeps its brackets' content."""
    name, _, port = header.rpartition(":")
    bare = (name if port.isdigit() and name else header).strip("[]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--certificate", type=Path, required=True)
    options.add_argument("--key", type=Path, required=True)
    given = options.parse_args()
    for address in DNS.values():
        dns_server.start(address)
        dns_server.start(address, DNS_PORT)
    http_server.Server((NEIGHBOUR, 80), Echo).start()
    for address in WEB.values():
        http_server.Server((address, 80), Echo).start()
        http_server.Server((address, 443), Echo, tls=(given.certificate, given.key)).start()
    signal.pause()


if __name__ == "__main__":
    main()
