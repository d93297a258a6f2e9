#!/usr/bin/env python3
"""Packs what is built into vpn-sentinel-probe_*.deb and vpn-sentinel-hub_*.deb. The same build gives the same bytes.

    make_debs.py --build FOLDER --manuals FOLDER --version 0.1.0 --output FOLDER [--architecture arm64 --strip PROGRAM] [--runner COMMAND…]

SOURCE_DATE_EPOCH is the date of all files; without it that of the newest commit.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
MAINTAINER = "The VPN Sentinel authors <maintainers@vpn-sentinel.example>"
UNITS = {
    "probe": ["vpn-sentinel-probe.service", "vpn-sentinel-probe@.service", "vpn-sentinel-netns@.service", "vpn-sentinel-tunnels.target"],
    "hub": ["vpn-sentinel-hub.service"],
}
ORDERED_BEFORE = ["wg-quick@.service", "openvpn-client@.service", "openvpn-server@.service", "openvpn@.service"]
# dpkg-shlibdeps finds the libraries. systemd brings sysusers and tmpfiles.
DEPENDS = "init-system-helpers (>= 1.54), passwd, systemd (>= 252)"
# The hub reads the zones of days, months and quiet hours from there.
MORE_DEPENDS = {"probe": "", "hub": ", tzdata"}
MORE = {
    "probe": "Recommends: ca-certificates, iproute2\nSuggests: vpn-sentinel-hub\n",
    "hub": "Recommends: ca-certificates\nSuggests: vpn-sentinel-probe\n",
}
# For whoever runs a hub beside other services (packaging/guides/operators.md).
EXAMPLES = {"hub": ["grafana", "prometheus", "proxies"]}
# Settings below /etc/vpn-sentinel, each kept as its owner left it.
SETTINGS = {"probe": ["probe.toml"], "hub": ["hub.toml", "alerts.toml"]}
# Why each tag is no mistake stands in the package, too.
OVERRIDES = {
    "probe": """# deb-systemd-invoke knows neither try-restart, which leaves alone what does not run, nor patterns of instances.
vpn-sentinel-probe: maintainer-script-calls-systemctl [postinst:*]
vpn-sentinel-probe: maintainer-script-calls-systemctl [prerm:*]
# The probe of a namespace is started again with the unit that makes the namespace.
vpn-sentinel-probe: systemd-service-file-refers-to-unusual-wantedby-target vpn-sentinel-netns@%i.service [*]
""",
    "hub": "",
}


def run(*argv: str | Path, **options: object) -> str:
    return subprocess.run([str(word) for word in argv], check=True, capture_output=True, text=True, **options).stdout


def source_date() -> int:
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given) if given else int(run("git", "-c", f"safe.directory={TOP}", "-C", TOP, "log", "-1", "--format=%ct"))


class Package:
    """One package: a tree of what is installed, and DEBIAN beside it."""

    def __init__(self, kind: str, given: argparse.Namespace, folder: Path, date: int) -> None:
        self.kind, self.name, self.given, self.date = kind, f"vpn-sentinel-{kind}", given, date
        self.tree = folder / self.name

    def put(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)

    def put_packed(self, path: str, content: bytes | str) -> None:
        self.put(path, gzip.compress(content.encode() if isinstance(content, str) else content, 9, mtime=0))

    def fill(self) -> None:
        program = self.given.build / self.name
        binary = self.tree / "usr/bin" / self.name
        binary.parent.mkdir(parents=True)
        run(self.given.strip, "--strip-unneeded", "--remove-section=.comment", "--remove-section=.note", "-o", binary, program)
        binary.chmod(0o755)
        for unit in UNITS[self.kind]:
            self.put(f"lib/systemd/system/{unit}", (TOP / "systemd" / unit).read_text())
        self.put(f"usr/lib/sysusers.d/{self.name}.conf", (TOP / f"systemd/{self.name}.sysusers").read_text())
        self.put(f"usr/lib/tmpfiles.d/{self.name}.conf", (TOP / f"systemd/{self.name}.tmpfiles").read_text())
        self.fill_settings(program)
        self.fill_manuals()
        self.fill_documents()
        self.fill_guides()
        if OVERRIDES[self.kind]:
            self.put(f"usr/share/lintian/overrides/{self.name}", OVERRIDES[self.kind])
        self.fill_examples()
        if self.kind == "probe":
            for unit in ORDERED_BEFORE:
                self.put(f"lib/systemd/system/{unit}.d/50-vpn-sentinel.conf", (TOP / "systemd/drop-ins/before-probe.conf").read_text())
            example = "vpn-sentinel-guarded-example.service"
            self.put(f"usr/share/doc/{self.name}/examples/{example}", (TOP / "systemd" / example).read_text())

    def fill_settings(self, program: Path) -> None:
        """dpkg asks at an upgrade about a file of settings that user and package have changed both. So what is installed there stays the same
        from one release to the next, and what grows with the settings lies beside the documents."""
        documents, below = f"usr/share/doc/{self.name}/examples", "/etc/vpn-sentinel"
        # A folder that this daemon has for itself: hub and probe of one machine are two users.
        data = f'data_dir = "/var/lib/vpn-sentinel/{self.kind}"'
        sample = run(*self.given.runner, program, "--print-sample-config")
        filled, count = re.subn(r'^# data_dir = ".*"$', data, sample, flags=re.MULTILINE)
        if count != 1:
            raise SystemExit("the sample of the settings has no data_dir")
        self.put(f"{documents}/{self.kind}.toml", filled)
        self.put(f"etc/vpn-sentinel/{self.kind}.toml",
                 f"# Settings of {self.name}. All of them, each explained and with its default: /{documents}/{self.kind}.toml\n"
                 f"# Secrets belong into {below}/{self.kind}.credentials/, one file each, named as the setting: the unit reads them there.\n{data}\n")
        if self.kind == "hub":
            self.put(f"{documents}/alerts.toml", (TOP / "packaging/deb/alerts.toml").read_text())
            self.put("etc/vpn-sentinel/alerts.toml", "# More channels of alerts, rules, and maintenance windows. How each of them is written: "
                     f"/{documents}/alerts.toml\n# Secrets belong into {below}/hub.credentials/, which only root reads.\n")

    def fill_manuals(self) -> None:
        manuals = self.given.manuals
        for section, page in (("8", f"{self.name}.8"), ("5", f"{self.name}.toml.5")):
            self.put_packed(f"usr/share/man/man{section}/{page}.gz", (manuals / f"man{section}" / page).read_bytes())
        self.put(f"usr/share/bash-completion/completions/{self.name}", (manuals / "bash" / self.name).read_text())
        self.put(f"usr/share/zsh/vendor-completions/_{self.name}", (manuals / "zsh" / f"_{self.name}").read_text())
        self.put(f"usr/share/fish/vendor_completions.d/{self.name}.fish", (manuals / "fish" / f"{self.name}.fish").read_text())

    def fill_documents(self) -> None:
        changes = f"{self.name} ({self.given.version}) unstable; urgency=medium\n\n  * Packed from the sources of {self.given.version}.\n\n"
        self.put_packed(f"usr/share/doc/{self.name}/changelog.gz", f"{changes} -- {MAINTAINER}  {formatdate(self.date)}\n")
        body = "\n".join(f" {line}" if line else " ." for line in (TOP / "LICENSE").read_text().splitlines()[4:])
        text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: VPN Sentinel\n\nFiles: *\n"
        self.put(f"usr/share/doc/{self.name}/copyright", f"{text}Copyright: 2026 The VPN Sentinel authors\nLicense: Expat\n{body}\n")

    def fill_guides(self) -> None:
        for guide in sorted((TOP / "packaging/guides").glob("*.md")):
            self.put_packed(f"usr/share/doc/{self.name}/guides/{guide.name}.gz", guide.read_text())

    def fill_examples(self) -> None:
        for folder in EXAMPLES.get(self.kind, []):
            for file in sorted(path for path in (TOP / "packaging" / folder).rglob("*") if path.is_file()):
                self.put(f"usr/share/doc/{self.name}/examples/{file.relative_to(TOP / 'packaging')}", file.read_text())

    def files(self) -> list[Path]:
        return sorted(file for file in self.tree.rglob("*") if file.is_file() and "DEBIAN" not in file.parts)

    def dependencies(self) -> str:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "debian").mkdir()
            (Path(folder) / "debian/control").write_text(f"Source: vpn-sentinel\n\nPackage: {self.name}\nArchitecture: any\n")
            # Whose libraries are looked for: a program of another machine has others.
            environment = {**os.environ, "DEB_HOST_ARCH": self.given.architecture}
            found = run("dpkg-shlibdeps", "-O", f"-e{self.tree / 'usr/bin' / self.name}", cwd=folder, env=environment)
        return f"{found.strip().removeprefix('shlibs:Depends=')}, {DEPENDS}{MORE_DEPENDS[self.kind]}"

    def control(self) -> None:
        description = (TOP / f"packaging/deb/{self.kind}.description").read_text()
        kilobytes = sum(-(-file.stat().st_size // 1024) for file in self.files())
        fields = f"Package: {self.name}\nVersion: {self.given.version}\nArchitecture: {self.given.architecture}\nMaintainer: {MAINTAINER}\n"
        fields += f"Installed-Size: {kilobytes}\nDepends: {self.dependencies()}\n{MORE[self.kind]}Section: net\nPriority: optional\n"
        sums = [f"{hashlib.md5(file.read_bytes()).hexdigest()}  {file.relative_to(self.tree)}\n" for file in self.files() if "etc" not in file.parts]
        self.put("DEBIAN/control", f"{fields}Description: {description}")
        self.put("DEBIAN/md5sums", "".join(sums))
        self.put("DEBIAN/conffiles", "".join(f"/etc/vpn-sentinel/{name}\n" for name in SETTINGS[self.kind]))
        for script in ("postinst", "prerm", "postrm"):
            self.put(f"DEBIAN/{script}", (TOP / f"packaging/deb/{self.kind}.{script}").read_text(), 0o755)

    def pack(self) -> Path:
        self.fill()
        self.control()
        for path in [self.tree, *self.tree.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
            os.utime(path, (self.date, self.date))
        into = self.given.output / f"{self.name}_{self.given.version}_{self.given.architecture}.deb"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(self.date)}
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", self.tree, into, env=environment)
        return into


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--manuals", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--architecture", default="")
    parser.add_argument("--strip", default="strip")
    parser.add_argument("--runner", nargs="*", default=[], help="starts programs of another machine, as qemu-aarch64 does")
    given = parser.parse_args()
    missing = [program for program in (given.strip, "dpkg-deb", "dpkg-shlibdeps") if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)} (packages binutils and dpkg-dev)")
    given.architecture = given.architecture or run("dpkg", "--print-architecture").strip()
    given.output.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="vpn-sentinel-debs-") as folder:
        for kind in UNITS:
            made = Package(kind, given, Path(folder), source_date()).pack()
            print(f"{made}  {made.stat().st_size / 1024:.0f} KiB  sha256 {hashlib.sha256(made.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
