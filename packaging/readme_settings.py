#!/usr/bin/env python3
"""Puts the programs' settings tables into README.md; with --check only says whether they are there already.

    readme_settings.py --build FOLDER [--check]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def with_table(text: str, program: str, build: Path) -> str:
    table = subprocess.run([str(build / f"vpn-sentinel-{program}"), "--print-settings-table"], capture_output=True, text=True, check=True).stdout
    pattern = re.compile(rf"(<!-- {program} settings: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
    replaced, count = pattern.subn(lambda match: match[1] + table + match[2], text)
    if count != 1:
        raise SystemExit(f"README.md has no place for the settings of the {program}")
    return replaced


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    old = README.read_text(encoding="utf-8")
    new = with_table(with_table(old, "probe", given.build), "hub", given.build)
    if given.check and new != old:
        print("README.md is behind the settings tables; run packaging/readme_settings.py --build", given.build)
        return 1
    if not given.check:
        README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
