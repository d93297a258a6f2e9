#!/usr/bin/env python3
"""How large what is installed is: packages, programs without symbols, container images. Printed, not judged.

    sizes.py --build FOLDER     after `cmake --build FOLDER --target packages`; the target `sizes` does both and prints the start time, too
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import podman as podman_tools
from podman import Podman
from process import LabError, run
from sidecar import make_context


def print_packages(build: Path) -> None:
    debs = sorted((build / "packages").glob("*.deb"))
    if not debs:
        raise LabError(f"there are no packages in {build / 'packages'}: cmake --build {build} --target packages")
    for deb in debs:
        installed = int(run(["dpkg-deb", "-f", str(deb), "Installed-Size"]))
        print(f"{deb.name}: {deb.stat().st_size / 1e6:.2f} MB, installed {installed / 1e3:.1f} MB")
        with tempfile.TemporaryDirectory() as folder:
            run(["dpkg-deb", "-x", str(deb), folder], timeout=60)
            for program in sorted(Path(folder, "usr/bin").iterdir()):
                print(f"  {program.name}: {program.stat().st_size / 1e6:.2f} MB without symbols")


def print_images(build: Path) -> None:
    reason = podman_tools.missing()
    if reason:
        print(f"images: not built, {reason}")
        return
    with Podman() as podman:
        context = podman.folder / "context"
        make_context(context, build)
        for program in ("hub", "probe"):
            tag = f"localhost/vpn-sentinel-{program}"
            podman.build(context / f"packaging/containers/Containerfile.{program}", context, tag)
            size = int(podman.run("image", "inspect", "--format", "{{.Size}}", tag))
            print(f"image of the {program}: {size / 1e6:.1f} MB with the libraries of Debian that it needs")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    build = parser.parse_args().build.resolve()
    print_packages(build)
    print_images(build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
