"""Programs of Debian packages that would start services if they were installed: those of the machine, or what lies unpacked beside the build
(packaging/packages-unpacked.txt)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def find(build: Path, *programs: str) -> list[str] | None:
    """Paths of all of them; None when one is missing."""
    unpacked = build.parent / "unpacked"
    places = os.pathsep.join(["/usr/sbin", "/usr/bin", *(str(unpacked / folder) for folder in ("usr/sbin", "usr/bin"))])
    found = [shutil.which(program, path=places) for program in programs]
    return [each for each in found if each] if all(found) else None


def libraries(build: Path) -> str:
    """For LD_LIBRARY_PATH of such a program."""
    return os.pathsep.join(str(each) for folder in ("usr/lib", "lib") for each in (build.parent / "unpacked" / folder).glob("*-linux-gnu*"))
