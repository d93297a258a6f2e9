#!/usr/bin/env python3
"""The units of systemd/: nothing in them is unknown to systemd, how open they are, and that they give the rights that doctor names.

    systemd_units.py --build FOLDER
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = Path()
UNITS = Path(__file__).resolve().parents[2] / "systemd"
MOST_EXPOSURE = {"vpn-sentinel-hub.service": 1.5, "vpn-sentinel-probe.service": 3.0, "vpn-sentinel-probe@.service": 3.0}


def values(unit: str, directive: str) -> list[str]:
    text = (UNITS / unit).read_text()
    return [word for line in re.findall(rf"^{directive}=(.*)$", text, re.MULTILINE) for word in line.split()]


class Units(unittest.TestCase):
    def test_systemd_finds_nothing_to_complain_about(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.target")]:
                # The programs are not installed here.
                text = re.sub(r"/usr/bin/vpn-sentinel-\w+", "/bin/true", unit.read_text())
                (Path(folder) / unit.name).write_text(text)
            # verify ends with 0 whatever it prints.
            units = sorted(str(unit) for unit in Path(folder).iterdir())
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, timeout=60)
            complaints = [line for line in (done.stderr + done.stdout).splitlines() if "vpn-sentinel" in line]
            self.assertEqual(complaints, [])

    def test_they_are_no_more_open_than_they_must_be(self) -> None:
        for unit, most in MOST_EXPOSURE.items():
            argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={round(most * 10)}", str(UNITS / unit)]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
            score = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
            print(f"\n  {unit}: {score[1] if score else '?'} (at most {most})", end="")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        print()

    def test_the_two_units_of_the_probe_have_one_sandbox(self) -> None:
        def box(unit: str) -> list[str]:
            return [line for line in (UNITS / unit).read_text().partition("[Service]")[2].splitlines()
                    if not line.startswith(("ExecStart=", "StateDirectory=", "WantedBy=", "#"))]

        self.assertEqual(box("vpn-sentinel-probe.service"), box("vpn-sentinel-probe@.service"))

    def test_a_namespace_whose_name_has_a_dash_is_taken_as_it_is_written(self) -> None:
        for unit in UNITS.glob("*@.service"):
            settings = [line for line in unit.read_text().splitlines() if not line.startswith("#")]
            self.assertEqual([line for line in settings if "%I" in line], [], unit.name)

    def test_the_rights_are_those_that_doctor_names(self) -> None:
        done = subprocess.run([str(BUILD / "vpn-sentinel-probe"), "doctor", "--json"], capture_output=True, text=True, timeout=60)
        lines = [line for line in json.loads(done.stdout)["lines"] if line["group"] == "capabilities"]
        # A probe of its own namespace does not enter one: doctor says so of CAP_SYS_ADMIN.
        named = {line["name"] for line in lines if line["used_for"] and "nothing in this version" not in line["used_for"]}
        for directive in ("CapabilityBoundingSet", "AmbientCapabilities"):
            self.assertEqual(set(values("vpn-sentinel-probe.service", directive)), named)
        self.assertEqual(values("vpn-sentinel-hub.service", "CapabilityBoundingSet"), [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("tests", nargs="*")
    given = parser.parse_args()
    global BUILD
    BUILD = given.build
    if shutil.which("systemd-analyze") is None:
        print("SKIPPED: there is no systemd-analyze (package systemd)")
        return 77
    program = unittest.main(argv=[sys.argv[0], *given.tests], exit=False, verbosity=2)
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
