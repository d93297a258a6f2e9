"""Whether a lab can be made here at all; if not, a test says SKIPPED with the reason (exit code 77, as CTest is told)."""

from __future__ import annotations

import os
import shutil
import sys

_PROGRAMS = ("ip", "nft", "nsenter", "unshare", "setpriv", "openssl", "openvpn", "wireguard-go", "wg")


def why_impossible() -> str | None:
    """What is in the way of a lab; None: nothing."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing:
        return f"not installed: {', '.join(missing)} (packaging/packages-lab.txt)"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    if not os.access("/proc/sys/net/ipv4/ip_forward", os.W_OK):
        return "/proc/sys/net is read-only here (systemd-nspawn: SYSTEMD_NSPAWN_API_VFS_WRITABLE=network; Docker, Podman: --privileged)"
    return None


def skip_unless_possible() -> None:
    if reason := why_impossible():
        print(f"SKIPPED: {reason}")
        sys.exit(77)
