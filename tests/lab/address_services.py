"""Look-alikes of the services that tell an address, in their real formats, and every way in which they fail.

    /trace                     Cloudflare's text, as at /cdn-cgi/trace
    /ipinfo /ip-api /ipwhois /ipwhois-app /mullvad
    /control/SERVICE/MODE      from now on SERVICE answers so: ok, limited (429), forbidden (403), failing (its failure with status 200),
                               page (a login page), private (an address of no Internet), or an address: that lie
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

SERVICES = ("trace", "ipinfo", "ip-api", "ipwhois", "ipwhois-app", "mullvad")


@dataclass(frozen=True)
class Place:
    country: str
    country_name: str
    city: str
    asn: int
    owner: str


NOWHERE = Place("", "", "", 0, "")
PLACES = {
    "203.0.113.10": Place("DE", "Germany", "Frankfurt", 64496, "Example Home"),
    "2001:db8:10::10": Place("DE", "Germany", "Frankfurt", 64496, "Example Home"),
    "198.51.100.2": Place("RO", "Romania", "Bucharest", 64500, "Example VPN"),
    "2001:db8:20::2": Place("RO", "Romania", "Bucharest", 64500, "Example VPN"),
}


def _ipinfo(ip: str, at: Place) -> dict:
    return {
        "ip": ip, "city": at.city, "region": at.city, "country": at.country, "loc": "44.4323,26.1063",
        "org": f"AS{at.asn} {at.owner}", "postal": "030011", "timezone": "Europe/Bucharest", "readme": "https://ipinfo.io/missingauth",
    }  # fmt: skip


def _ip_api(ip: str, at: Place) -> dict:
    return {
        "status": "success", "country": at.country_name, "countryCode": at.country, "region": "B", "regionName": at.city, "city": at.city,
        "timezone": "Europe/Bucharest", "isp": at.owner, "org": at.owner, "as": f"AS{at.asn} {at.owner}", "query": ip,
    }  # fmt: skip


def _ipwhois(ip: str, at: Place) -> dict:
    return {
        "ip": ip, "success": True, "type": "IPv6" if ":" in ip else "IPv4", "country": at.country_name, "country_code": at.country,
        "region": at.city, "city": at.city, "connection": {"asn": at.asn, "org": at.owner, "isp": at.owner, "domain": "example.com"},
        "timezone": {"id": "Europe/Bucharest", "abbr": "EET", "is_dst": False, "offset": 7200, "utc": "+02:00"},
    }  # fmt: skip


def _ipwhois_app(ip: str, at: Place) -> dict:
    return {
        "ip": ip, "success": True, "country": at.country_name, "country_code": at.country, "region": at.city, "city": at.city,
        "asn": f"AS{at.asn}", "org": at.owner, "isp": at.owner, "timezone": "Europe/Bucharest", "completed_requests": 7,
    }  # fmt: skip


def _mullvad(ip: str, at: Place) -> dict:
    return {
        "ip": ip, "country": at.country_name, "city": at.city, "longitude": 26.1, "latitude": 44.4, "mullvad_exit_ip": False,
        "blacklisted": {"blacklisted": False, "results": []}, "organization": at.owner,
    }  # fmt: skip


_FORMATS: dict[str, Callable[[str, Place], dict]] = {
    "ipinfo": _ipinfo, "ip-api": _ip_api, "ipwhois": _ipwhois, "ipwhois-app": _ipwhois_app, "mullvad": _mullvad,
}  # fmt: skip
_FAILURES = {
    "ipinfo": {"status": 429, "error": {"title": "Rate limit exceeded", "message": "Upgrade to increase your usage limits"}},
    "ip-api": {"status": "fail", "message": "invalid query", "query": "nothing"},
    "ipwhois": {"success": False, "message": "Reserved range"},
    "ipwhois-app": {"success": False, "message": "you've hit the monthly limit"},
    "mullvad": {"error": "no"},
}


class AddressServices:
    """How each service answers now; shared by all listeners."""

    def __init__(self) -> None:
        self._modes = dict.fromkeys(SERVICES, "ok")

    def control(self, path: str) -> bool:
        """`path`: "control/SERVICE/MODE". False: no such service or mode."""
        _, service, mode = ([*path.split("/", 2), "", ""])[:3]
        known = mode in ("ok", "limited", "forbidden", "failing", "page", "private")
        if service not in SERVICES or not (known or _is_address(mode)):
            return False
        self._modes[service] = mode
        return True

    def answer(self, service: str, caller: str) -> tuple[int, bytes | dict]:
        """Status and body; of "trace" the body is the address that is to be told."""
        mode = self._modes[service]
        if mode in ("limited", "forbidden"):
            return (429 if mode == "limited" else 403), b"error code: 1034" if service == "trace" else b""
        if mode == "page" or (mode == "failing" and service == "trace"):
            return 200, b"<!doctype html><title>Login</title>"
        if mode == "failing":
            return 200, _FAILURES[service]
        address = caller if mode == "ok" else "192.168.1.7" if mode == "private" else mode
        if service == "trace":
            return 200, {"ip": address}
        return 200, _FORMATS[service](address, PLACES.get(address, NOWHERE))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
