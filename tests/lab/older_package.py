"""Packages of another release, made of those of this build, and what an older hub has left behind: what an upgrade meets, for debian_packages.py."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from process import run

OLDER = "0.0.9"
NEWER = "0.1.1"
# Reads no database. It is in the place of the older program, because the one of this build would bring the database up to date by itself.
OLD_HUB = """#!/usr/bin/perl
use IO::Socket::UNIX;
my $systemd = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ENV{NOTIFY_SOCKET});
$systemd->send("READY=1");
while (1) { sleep 5; $systemd->send("WATCHDOG=1"); }
"""
# From the newest schema back to the sixth: hub/store/migrations.cpp.
BACK = """DROP TABLE presence; DROP TABLE comments; DROP TABLE kept; DROP TRIGGER incident_removed;
ALTER TABLE boots DROP COLUMN gone_until; ALTER TABLE boots DROP COLUMN gone_received;
ALTER TABLE samples DROP COLUMN handshakes; ALTER TABLE samples DROP COLUMN handshake_sum; ALTER TABLE samples DROP COLUMN handshake_max;
ALTER TABLE samples DROP COLUMN traffic_time; ALTER TABLE samples DROP COLUMN rx_bytes; ALTER TABLE samples DROP COLUMN tx_bytes;
PRAGMA user_version = 6"""


def _repack(deb: Path, version: str, into: Path, change: Callable[[Path], None]) -> Path:
    with tempfile.TemporaryDirectory(prefix="vs-older-") as folder:
        tree = Path(folder) / "tree"
        run(["dpkg-deb", "-R", str(deb), str(tree)])
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
        (tree / "DEBIAN/md5sums").unlink()
        change(tree)
        name, _, architecture = deb.stem.split("_")
        made = into / f"{name}_{version}_{architecture}.deb"
        run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(made)], timeout=60)
    return made


def _age(tree: Path) -> None:
    """Files of settings were the whole sample, and units were ordered after a target that comes after nothing."""
    for sample in tree.glob("usr/share/doc/*/examples/*.toml"):
        shutil.copy(sample, tree / "etc/vpn-sentinel" / sample.name)
        sample.unlink()
    units = tree / "lib/systemd/system"
    for unit in units.glob("vpn-sentinel-*.service"):
        text = re.sub(r"^Wants=vpn-sentinel-tunnels.target\n", "", unit.read_text(), flags=re.MULTILINE)
        unit.write_text(text.replace("vpn-sentinel-tunnels.target", "wg-quick.target"))
    for target in units.glob("vpn-sentinel-*.target"):
        target.unlink()


def _renew(tree: Path) -> None:
    for sample in tree.glob("usr/share/doc/*/examples/*.toml"):
        sample.write_text(f"{sample.read_text()}# One setting more.\n")


def _all(debs: list[Path], version: str, folder: Path, change: Callable[[Path], None]) -> list[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return [_repack(deb, version, folder, change) for deb in debs]


def older(debs: list[Path], folder: Path) -> list[Path]:
    """With another conffile and other units."""
    return _all(debs, OLDER, folder, _age)


def newer(debs: list[Path], folder: Path) -> list[Path]:
    """With other settings."""
    return _all(debs, NEWER, folder, _renew)


def schema(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        return opened.execute("PRAGMA user_version").fetchone()[0]


def turn_back(root: Path) -> int:
    """The hub's program and database below `root`, while the hub is stopped; the version of the schema then."""
    with closing(sqlite3.connect(root / "var/lib/vpn-sentinel/hub/hub.db")) as database:
        database.executescript(BACK)
        version = database.execute("PRAGMA user_version").fetchone()[0]
    (root / "usr/bin/vpn-sentinel-hub").write_text(OLD_HUB)
    return version
