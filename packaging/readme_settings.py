#!/usr/bin/env python3
"""Puts the programs' tables into the guides: settings into guides/settings.md, findings into guides/findings.md; with --check only says
whether they are there already.

    readme_settings.py --build FOLDER [--check]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

GUIDES = Path(__file__).resolve().parent / "guides"
# What stands between the two marks of a guide: the program, what it is asked, the guide.
TABLES = [("probe", "settings", "settings.md"), ("hub", "settings", "settings.md"), ("probe", "findings", "findings.md")]


def with_table(text: str, program: str, what: str, build: Path) -> str:
    asked = [str(build / f"vpn-sentinel-{program}"), f"--print-{what}-table"]
    table = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    pattern = re.compile(rf"(<!-- {program} {what}: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
    replaced, count = pattern.subn(lambda match: match[1] + table + match[2], text)
    if count != 1:
        raise SystemExit(f"no guide has a place for the {what} of the {program}")
    return replaced


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    behind = False
    for program, what, name in TABLES:
        guide = GUIDES / name
        old = guide.read_text(encoding="utf-8")
        new = with_table(old, program, what, given.build)
        if given.check and new != old:
            print(f"packaging/guides/{name} is behind the {what} of the {program}; run packaging/readme_settings.py --build", given.build)
            behind = True
        if not given.check:
            guide.write_text(new, encoding="utf-8")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
