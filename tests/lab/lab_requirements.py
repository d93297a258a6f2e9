"""Whether a lab can be made here at all; if not, a test says SKIPPED with the reason (exit code 77, as CTest is told)."""

from __future__ import annotations

import os
import shutil
import sys

_PROGRAMS = ("ip", "nft", "nsenter", "unshare", "setpriv", "openssl", "openvpn", "wireguard-go", "wg")


def skip_unless_possible() -> None:
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    reason = None
    if os.geteuid() != 0:
        reason = "network namespaces need root"
    elif missing:
        reason = f"not installed: {', '.join(missing)} (packaging/packages-lab.txt)"
    elif not os.path.exists("/dev/net/tun"):
        reason = "there is no /dev/net/tun"
    elif not os.access("/proc/sys/net/ipv4/ip_forward", os.W_OK):
        reason = "/proc/sys/net is read-only here (systemd-nspawn: SYSTEMD_NSPAWN_API_VFS_WRITABLE=network)"
    if reason:
        print(f"SKIPPED: {reason}")
        sys.exit(77)
