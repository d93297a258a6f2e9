"""Containers by podman in a store of their own: no image is pulled, nothing of the machine's containers is touched.

crun refuses a hybrid cgroup layout, so podman runs in a private mount namespace with /sys/fs/cgroup as plain cgroup2. Without
CAP_SYS_RESOURCE its own default limits cannot be set, hence the small ones here; without a large RLIMIT_MEMLOCK containers cannot have
cgroups of their own, hence --cgroups=disabled.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from process import Identity, LabError, end, run, spawn, wait_until

_PROGRAMS = ("podman", "crun", "unshare", "mount", "umount")
_ENTER = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"'


def missing() -> str | None:
    """Why containers cannot be made here, or None."""
    if os.geteuid() != 0:
        return "containers with network namespaces of their own need root"
    absent = [program for program in _PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (packaging/packages-test.txt)"
    if _busybox() is None:
        return "there is no static busybox (busybox-static)"
    return None


def _busybox() -> str | None:
    """A busybox that needs no libraries: it is the whole root file system of a container."""
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path) and _is_static(path):
            return path
    return None


def _is_static(path: str) -> bool:
    # PT_INTERP names the loader of a dynamic program; its text is at the beginning of the file.
    with open(path, "rb") as file:
        return b"/ld-linux" not in file.read(4096)


def _possible_here() -> list[str]:
    """Limits of this process, where raising them needs a right that it does not have."""
    options = ["--cgroups=disabled"]
    for word, number, most in (("nofile", resource.RLIMIT_NOFILE, 1024), ("nproc", resource.RLIMIT_NPROC, 1000)):
        hard = resource.getrlimit(number)[1]
        value = most if hard == resource.RLIM_INFINITY else min(hard, most)
        options += ["--ulimit", f"{word}={value}:{value}"]
    return options


def _write_empty_debian(file: Path) -> None:
    """The folders of a Debian 12 and nothing in them."""
    with tarfile.open(file, "w") as tree:
        for name in ("usr", "etc", "var", "var/lib", "var/lib/dpkg", "tmp", "proc", "sys", "dev", "run", "root"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tree.addfile(entry)
        for name in ("bin", "sbin", "lib", "lib64"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tree.addfile(entry)


class Podman:
    """`with Podman() as podman:`; everything is gone at the end."""

    def __enter__(self) -> Podman:
        self.folder = Path(tempfile.mkdtemp(prefix=f"vs{os.getpid()}-podman-"))
        self._names: set[str] = set()
        self._service: subprocess.Popen | None = None
        self.socket = self.folder / "api.sock"
        tools = self.folder / "rootfs/bin"
        tools.mkdir(parents=True)
        shutil.copy(str(_busybox()), tools / "busybox")
        (tools / "sleep").symlink_to("busybox")
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._names):
            with contextlib.suppress(LabError):
                self.remove(name)
        if self._service is not None:
            identity = Identity.of(self._service.pid)
            if identity is not None:
                end([identity])
            self._service.wait(5)
        # A container's end starts `podman container cleanup`, which would make the folder anew.
        with contextlib.suppress(LabError):
            wait_until(lambda: not self._in_use(), 10, "the last process of podman ends")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _in_use(self) -> bool:
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if str(self.folder).encode() in file.read_bytes():
                    return True
        return False

    def command(self, *words: str) -> list[str]:
        folder = self.folder
        options = ["--root", f"{folder}/store", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/tmp", "--runtime", "crun"]
        options += ["--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "none"]
        return ["unshare", "-m", "--propagation", "private", "bash", "-c", _ENTER, "podman", "podman", *options, *words]

    def run(self, *words: str) -> str:
        return run(self.command(*words), timeout=60).strip()

    def start(self, name: str, network: str = "none") -> str:
        """A container that sleeps, in a network namespace of its own or in another one; returns its full id."""
        self._names.add(name)
        options = [*_possible_here(), "--network", network]
        return self.run("run", "-d", "--name", name, *options, "--rootfs", str(self.folder / "rootfs"), "/bin/sleep", "3600")

    def command_to_run(self, name: str, *words: str) -> list[str]:
        """`podman run` with options, image and command in `words`; the container goes with this object at the latest. Podman would have
        systemd repeat the health check."""
        self._names.add(name)
        return self.command("run", "--name", name, "--no-healthcheck", *_possible_here(), *words)

    def build(self, containerfile: Path, context: Path, tag: str, arguments: Sequence[str] = (), caches: Sequence[Path] = ()) -> None:
        """Without registries of images: the one that it begins with is empty, and borrows this machine's tools while it builds. Without
        `caches` there is no network either; with them what they hold is used, and what is missing may be fetched."""
        base = self.folder / "base.tar"
        if not base.exists():
            _write_empty_debian(base)
            self.run("import", str(base), "localhost/base")
        # A stage of its own namespaces would need limits that may not be set here. Without --layers nothing is kept of the stages.
        options = ["--isolation", "chroot", "--layers=false", "--format", "docker", "--build-arg", "BASE=localhost/base", "-t", tag]
        options += [word for argument in arguments for word in ("--build-arg", argument)]
        for folder in ("/usr", "/etc", "/var/lib/dpkg"):
            options += ["-v", f"{folder}:{folder}:ro"]
        for cache in caches:
            cache.mkdir(parents=True, exist_ok=True)
            options += ["-v", f"{cache}:/{cache.relative_to(Path.home())}"]  # HOME is / there
        words = self.command("build", *options, "-f", str(containerfile), str(context))
        if caches:
            run(words, timeout=7200)
        else:
            run(["unshare", "-n", *words], timeout=420)

    def restart(self, name: str) -> None:
        self.run("restart", "-t", "0", name)

    def remove(self, name: str) -> None:
        self.run("rm", "-f", "-t", "0", name)
        self._names.discard(name)

    def serve(self) -> bool:
        """Podman's API at `self.socket`; False where the service does not run."""
        log = self.folder / "service.log"
        self._service = spawn(self.command("system", "service", "--time=0", f"unix://{self.socket}"), log, True)
        try:
            wait_until(self.socket.exists, 15, "the socket of podman's API")
        except LabError:
            return False
        return True
