"""Which VPN tunnel protects this machine now. Only the kernel is asked; nothing is sent."""

from __future__ import annotations

import json
import subprocess

TUNNEL_KINDS = {"tun", "wireguard", "ipip", "gre", "vti", "xfrm"}
FALLBACK_DEVICES = {"tunl0", "sit0", "gre0", "ip_vti0"}
PUBLIC_ADDRESS = "1.1.1.1"


def tunnel_links() -> list[str]:
    """The interfaces of this machine that a VPN may have made."""
    listed = subprocess.run(["ip", "-d", "-j", "link"], capture_output=True, text=True, check=True)
    return [
        link["ifname"]
        for link in json.loads(listed.stdout)
        if link.get("linkinfo", {}).get("info_kind") in TUNNEL_KINDS
        and link["ifname"] not in FALLBACK_DEVICES
        and link.get("link_type") != "ether"
    ]


def routed_device() -> str | None:
    """The interface by which this machine sends to public addresses."""
    asked = subprocess.run(["ip", "-j", "route", "get", PUBLIC_ADDRESS], capture_output=True, text=True)
    return json.loads(asked.stdout)[0].get("dev") if asked.returncode == 0 else None


def own_tunnel(links: list[str]) -> str | None:
    """The tunnel among `links` that carries public traffic: one that is down, or for one network only, protects nothing."""
    device = routed_device()
    return device if device in links else None


def why_none(links: list[str]) -> str:
    if not links:
        return "No VPN tunnel on this machine."
    return f"{', '.join(links)}: no public traffic of this machine goes that way (to watch it nevertheless: --netns self --tunnel {links[0]})."
