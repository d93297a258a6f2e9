#!/usr/bin/env python3
"""A hub on a disk that its own files fill, and on one that turns read-only: clear refusals, reading goes on, nothing acknowledged is lost.

    hub_small_disk.py --build FOLDER

The disks are a tmpfs of 24 MiB and an ext4 in a file, in a mount namespace of this test's own, so it needs root. A read-only disk is one
whose file system has met an error: the kernel lets nobody remount it while a file is open for writing, and nothing makes it writable
again but a new mount, and thereby a new start of the hub.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from hub_daemon import HubDaemon
from hub_disk_full import REFUSALS, DiskFull, enter_own_mounts
from hub_store_check import Acknowledged, complaints_about

SMALL_BYTES = 24 * 2**20
FREED_BYTES = 8 * 2**20
EXT4_BYTES = 64 * 2**20


def on_a_small_disk(build: Path, folder: Path) -> list[str]:
    """The database may have 8 MiB, its log wants more than the rest: what happens when both have filled the disk, and room is made?"""
    with HubDaemon(build, folder / "data", VPN_SENTINEL_DATABASE_SIZE_MB="8") as hub:
        proof = DiskFull(build, hub)
        other = folder / "of-somebody-else"
        other.write_bytes(b"\0" * FREED_BYTES)
        hub.start()
        answers: dict[int, int] = {}
        for _ in range(4):
            for status, count in proof.report(2, rate=4000).items():
                answers[status] = answers.get(status, 0) + count
        proof.require(answers.keys() <= REFUSALS | {200}, f"unexpected answers: {answers}")
        for path in ("/api/v1/status", "/api/v1/clients"):
            proof.require(hub.fetch(path)[0] == 200, f"{path} is not answered")
        other.unlink()
        print(f"24 MiB: answers {answers}; taken again {proof.wait_for_recovery():.1f} s after 8 MiB were freed")
        after = proof.report(1)
        proof.require(after.keys() == {200}, f"with room reports are answered {after}")
        proof.require(hub.stop() == 0, "the hub did not end in order")
        # The oldest reports had to go; the file must be whole all the same.
        return proof.complaints + complaints_about(hub.data, {})


def on_a_read_only_disk(build: Path, folder: Path, image: Path) -> list[str]:
    with HubDaemon(build, folder / "data") as hub:
        proof = DiskFull(build, hub)
        hub.start()
        proof.require(proof.report(1).keys() == {200}, "reports are refused before anything has happened")
        subprocess.run(["mount", "-o", "remount,abort", folder], check=True)
        statuses = proof.report(1)
        proof.require(statuses.keys() == {503}, f"on a read-only disk reports are answered {statuses}")
        status, told, retry_after = proof.one_report()
        proof.require(status == 503 and "may not write" in told.get("message", ""), f"the refusal does not say why: {status} {told}")
        proof.require(retry_after is not None, "the refusal does not say when to try again")
        proof.require(not hub.healthy(), "the health page says that all is well")
        for path in ("/api/v1/status", "/api/v1/clients", "/api/v1/incidents"):
            proof.require(hub.fetch(path)[0] == 200, f"{path} is not answered")
        proof.require(hub.stop() == 0, "the hub did not end in order")
        subprocess.run(["umount", folder], check=True)
        subprocess.run(["mount", "-o", "loop", image, folder], check=True)
        hub.start()
        proof.require(proof.report(1).keys() == {200}, "reports are refused after the disk was mounted anew")
        proof.require(hub.stop() == 0, "the hub did not end in order")
        print(f"read-only: {status} {told['message']}")
        return proof.complaints + complaints_about(hub.data, Acknowledged(proof.record).update())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    build = parser.parse_args().build.resolve()
    enter_own_mounts()
    complaints: list[str] = []
    with tempfile.TemporaryDirectory(prefix="vs-small-disk-") as top:
        folder, image = Path(top) / "disk", Path(top) / "image"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES},mode=700", "tmpfs", folder], check=True)
        try:
            complaints += on_a_small_disk(build, folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
        with image.open("wb") as file:
            file.truncate(EXT4_BYTES)
        made = subprocess.run(["mkfs.ext4", "-q", image], capture_output=True, text=True)
        mounted = made.returncode == 0 and subprocess.run(["mount", "-o", "loop,errors=remount-ro", image, folder], capture_output=True)
        if not mounted or mounted.returncode != 0:
            print("SKIPPED: the part with a read-only disk: no ext4 on a loop device can be made here")
        else:
            try:
                complaints += on_a_read_only_disk(build, folder, image)
            finally:
                subprocess.run(["umount", "--lazy", folder], check=False)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
