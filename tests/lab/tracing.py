"""When a probe's BPF programs watch a namespace of a lab: asked of the kernel."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time

from lab import Lab
from process import wait_until

_SO_NETNS_COOKIE = 71
_USUALLY = 2.5  # seconds: a target joins at a look, once a second


def _cookie(lab: Lab, space: str) -> int:
    made = lab.call(space, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with made:
        return int.from_bytes(made.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), "little")


def wait_joined(lab: Lab, space: str) -> None:
    """Until programs that start now are noted."""
    if shutil.which("bpftool") is None:
        time.sleep(_USUALLY)
        return
    name = re.compile(rf'"key": {_cookie(lab, space)},')

    def is_watched() -> bool:
        done = subprocess.run(["bpftool", "map", "dump", "name", "spaces"], capture_output=True, text=True, check=False, timeout=30)
        return name.search(done.stdout) is not None

    wait_until(is_watched, 30, f"the tracer watches {space}", 0.1)
