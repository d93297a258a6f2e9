"""A Debian tree that is booted with its own systemd, without a way out: made once by debootstrap, used by each test through an overlay."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from process import Identity, LabError, end, run, spawn, wait_until

_PROGRAMS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux", "dpkg-shlibdeps": "dpkg-dev", "mount": "mount"}
# wireguard-tools and openvpn for the units by which they make tunnels.
_ALWAYS = ["systemd-sysv", "dbus", "iproute2", "nftables", "wireguard-tools", "openvpn"]


def missing() -> str | None:
    """Why no tree can be booted here."""
    absent = [f"{program} ({package})" for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if os.geteuid() != 0:
        return "making and booting a tree needs root"
    if absent:
        return f"not installed: {', '.join(absent)}"
    return None


def mirror() -> tuple[str, str] | None:
    """Suite and address, as this machine's own apt has them; none without the list of its packages, which apt then does not name."""
    try:
        told = run(["apt-get", "indextargets", "--format", "$(CODENAME) $(SITE) $(COMPONENT)", "Created-By: Packages"])
    except (LabError, FileNotFoundError):
        return None
    release = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    for line in told.splitlines():
        suite, site, component = line.split()
        if release and suite == release[1] and component == "main":
            return suite, site
    return None


def needed_packages(debs: list[Path]) -> list[str]:
    """What the packages depend on, by the names of real packages on this machine."""
    names: set[str] = set()
    for deb in debs:
        names |= {re.split(r"[ (|]", part.strip())[0] for part in run(["dpkg-deb", "-f", str(deb), "Depends"]).split(",")}
    provided = {}
    for line in run(["dpkg-query", "-W", "-f", "${Package} ${Provides}\\n"]).splitlines():
        package, _, provides = line.partition(" ")
        provided[package] = package
        for part in provides.split(","):
            provided.setdefault(part.strip().split(" ")[0], package)
    return sorted({provided.get(name, name) for name in names} | set(_ALWAYS))


def make(folder: Path, packages: list[str]) -> Path:
    """The tree with these packages, made if there is none yet. Raises LabError."""
    source = mirror()
    if source is None:
        raise LabError("apt on this machine has no list of its own release (apt-get update)")
    tree = folder / hashlib.sha256(" ".join([*source, *packages]).encode()).hexdigest()[:12]
    if tree.exists():
        return tree
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="making-", dir=folder))
    try:
        run(["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", source[0], str(fresh), source[1]], timeout=1500)
    except LabError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise LabError(f"debootstrap could not make a tree: {str(error)[-300:]}") from error
    fresh.chmod(0o755)
    fresh.rename(tree)
    return tree


class Booted:
    """The tree with a running systemd, a copy that goes away. Use as a context manager; __enter__ raises LabError when it does not boot."""

    def __init__(self, tree: Path) -> None:
        self._lower = tree
        self._folder = Path(tempfile.mkdtemp(prefix=f"vs{os.getpid()}-debian-"))
        self.root = self._folder / "root"
        self._process: subprocess.Popen | None = None
        self._leader = 0
        self._mounted = False

    def __enter__(self) -> Booted:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            # Its systemd ends what it has started; then nspawn ends.
            identity = Identity.of(self._process.pid)
            if self._leader:
                run(["nsenter", "-t", str(self._leader), "-a", "systemctl", "poweroff"], check=False)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                end([identity] if identity else [])
                self._process.wait(10)
        if self._mounted:
            run(["umount", str(self.root)], check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        for name in ("root", "upper", "work"):
            (self._folder / name).mkdir()
        layers = f"lowerdir={self._lower},upperdir={self._folder}/upper,workdir={self._folder}/work"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)])
        self._mounted = True
        argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", f"--directory={self.root}", "--private-network"]
        argv += ["--console=pipe", "--resolv-conf=off", "--timezone=off", f"--machine=vs{os.getpid()}"]
        argv += ["--capability=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON"]
        environment = {**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
        self._process = spawn(argv, self._folder / "console.log", True, env=environment)
        wait_until(self._found, 30, "systemd starts in the tree", 0.05)
        state = ""

        def settled() -> bool:
            nonlocal state
            state = run(["nsenter", "-t", str(self._leader), "-a", "systemctl", "is-system-running"], check=False).strip()
            return state in ("running", "degraded")

        wait_until(settled, 60, "the tree has booted", 0.1)
        if state == "degraded":
            raise LabError(f"units of the bare tree fail here: {self('systemctl', '--failed', '--no-legend')}")

    def _found(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise LabError(f"systemd-nspawn ended: {(self._folder / 'console.log').read_text()[-300:]}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for child in children:
            # nspawn's first child sets up; setpriv and nspawn are one process.
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                self._leader = int(child)
        return self._leader != 0

    def __call__(self, *argv: str, check: bool = True, timeout: float = 90) -> str:
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        return run(["nsenter", "-t", str(self._leader), "-a", "--", *clean, *argv], check=check, timeout=timeout)

    def in_network(self, *argv: str) -> str:
        """A program of this machine in the tree's network."""
        return run(["nsenter", "-t", str(self._leader), "-n", "--", *argv])
