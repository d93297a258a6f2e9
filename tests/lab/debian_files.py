"""What can be said of the packages without a booted Debian. Run by debian_packages.py."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import debian_tree
import readme_install
from process import run

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"


def make_debs(build: Path, version: str) -> list[Path]:
    output = build / "debian-packages" / version
    shutil.rmtree(output, ignore_errors=True)
    run([sys.executable, str(PACKAGING / "make_debs.py"), "--build", str(build), "--manuals", str(build / "manuals"), "--version", version,
         "--output", str(output)], timeout=180)
    return sorted(output.glob("*.deb"))


class Packages(unittest.TestCase):
    """Without a tree."""

    build: Path
    debs: list[Path]

    def test_the_same_build_gives_the_same_bytes(self) -> None:
        def sums(debs: list[Path]) -> list[str]:
            return [hashlib.sha256(deb.read_bytes()).hexdigest() for deb in debs]

        first = sums(self.debs)
        self.assertEqual(first, sums(make_debs(self.build, "0.1.0")))
        for deb in self.debs:
            size = run(["dpkg-deb", "-f", str(deb), "Installed-Size"]).strip()
            print(f"\n  {deb.name}: {deb.stat().st_size / 1024:.0f} KiB, installed {size} KiB", end="")
        print()

    def test_readme_s_commands_name_packages_of_the_archive_and_a_target_of_the_build(self) -> None:
        source = debian_tree.mirror()
        if source is None:
            self.skipTest("apt on this machine has no list of its own release (apt-get update)")
        self.assertEqual([command.split()[0] for command in readme_install.build_as_told(*source)], ["apt", "cmake", "cmake"])

    def test_lintian_finds_neither_errors_nor_warnings(self) -> None:
        if shutil.which("lintian") is None:
            self.skipTest("lintian is not installed (packaging/packages-check.txt)")
        debs = [str(deb) for deb in self.debs]
        done = subprocess.run(["lintian", "--fail-on=error,warning", *debs], capture_output=True, text=True, timeout=180)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_shells_and_the_pages_reader_understand_what_was_written(self) -> None:
        manuals = self.build / "manuals"
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell) is None:
                print(f"\n  SKIPPED: there is no {shell}")
                continue
            for file in (manuals / shell).iterdir():
                run([shell, "-n", str(file)])
        names = run(["bash", "-c", f". {manuals}/bash/vpn-sentinel-probe; COMP_WORDS=(vpn-sentinel-probe killswitch ''); COMP_CWORD=2; "
                     "_vpn_sentinel_probe; echo ${COMPREPLY[*]}"]).split()
        self.assertLessEqual({"arm", "disarm", "status", "--all", "--netns"}, set(names))
