"""Debian's own SMTP server (Exim) on loopback, with mailboxes in a folder. It runs in a mount namespace whose list of users has its user;
the machine's stays as it is. Needs root."""

from __future__ import annotations

import contextlib
import email
import email.policy
import os
import re
import shlex
import shutil
import socket
import tempfile
from pathlib import Path

import unpacked
from hub_daemon import free_ports
from process import Identity, LabError, end, spawn, wait_until

USER = "Debian-exim"
UID = 42001
PATIENCE = 60.0
MECHANISMS = {
    "PLAIN": 'server_prompts = :\n  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}\n  server_set_id = $auth2',
    "LOGIN": 'server_prompts = Username:: : Password::\n'
             '  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}\n  server_set_id = $auth1',
}  # fmt: skip
CONFIG = """
primary_hostname = mail.example.org
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
keep_environment =
deliver_drop_privilege
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {tls_port}
tls_on_connect_ports = {tls_port}
tls_advertise_hosts = {offer_tls}
tls_certificate = {certificate}
tls_privatekey = {key}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = recipient
acl_smtp_data = content
begin acl
recipient:
  deny condition = {must_log_in}
       !authenticated = *
       message = log in first
  accept domains = example.org
         local_parts = ann : bert
  deny message = nobody of that name
content:
  defer condition = ${{if exists{{{folder}/busy}}}}
        message = not now
        log_message = put off $h_Message-ID:
  accept
begin routers
mailbox:
  driver = accept
  local_parts = ann : bert
  transport = mailbox
begin transports
mailbox:
  driver = appendfile
  directory = {folder}/mail/$local_part_data
  maildir_format
  create_directory
begin retry
* * F,1h,1m
begin authenticators
{authenticators}
"""


class Exim:
    """Use as a context manager. Knows ann and bert of example.org, and nobody else."""

    def __init__(self, build: Path, certificate: Path, offer_tls: bool = True, log_in: tuple[str, str] | None = None, mechanism: str = "PLAIN") -> None:
        """`certificate`: NAME.crt with NAME.key beside it. `log_in`: name and password without which nothing is taken."""
        found = unpacked.find(build, "exim4")
        if found is None:
            raise LabError("exim4 is not there (packaging/packages-unpacked.txt)")
        self._folder = tempfile.TemporaryDirectory(prefix=f"vs{os.getpid()}-mail-")
        self.folder = Path(self._folder.name)
        self.port, self.tls_port = free_ports(2)
        self._libraries = unpacked.libraries(build)
        for name in ("spool", "log", "mail"):
            (self.folder / name).mkdir()
        for suffix in (".crt", ".key"):
            shutil.copy(certificate.with_suffix(suffix), self.folder / f"tls{suffix}")
        user, password = log_in or ("", "")
        authenticator = f"a:\n  driver = plaintext\n  public_name = {mechanism}\n  " + MECHANISMS[mechanism].format(user=user, password=password)
        self.config = self.folder / "exim.conf"
        self.config.write_text(CONFIG.format(
            program=found[0], folder=self.folder, port=self.port, tls_port=self.tls_port, offer_tls="*" if offer_tls else "",
            certificate=self.folder / "tls.crt", key=self.folder / "tls.key", must_log_in="yes" if log_in else "no",
            authenticators=authenticator if log_in else "",
        ))  # fmt: skip
        for name, line in (("passwd", f"{USER}:x:{UID}:{UID}::/nonexistent:/usr/sbin/nologin\n"), ("group", f"{USER}:x:{UID}:\n")):
            others = [each for each in Path("/etc", name).read_text().splitlines(True) if not each.startswith(f"{USER}:")]
            (self.folder / name).write_text("".join([*others, line]))
        for path in (self.folder, *self.folder.rglob("*")):
            if path != self.config:
                os.chown(path, UID, UID)
        self.config.chmod(0o644)
        self._program = found[0]
        self._process: Identity | None = None

    def __enter__(self) -> Exim:
        try:
            self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        mounts = [f"mount --bind {shlex.quote(str(self.folder / name))} /etc/{name}" for name in ("passwd", "group")]
        # The shell stays: it is the first process of a namespace whose others end with it, and unlike Exim, which changes its user, it hears
        # of the end of unshare.
        exim = f"{shlex.quote(self._program)} -C {shlex.quote(str(self.config))} -bdf -oX {self.port}:{self.tls_port} & wait"
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", "; ".join([*mounts, exim])]
        log = self.folder / "output"
        process = spawn(argv, log, True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": self._libraries})
        self._process = Identity.of(process.pid)
        self._popen = process

        def is_ready() -> bool:
            if process.poll() is not None:
                raise LabError(f"Exim ended with {process.returncode}: {log.read_text()[-2000:]} {self.log()[-2000:]}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
                    return connection.recv(3) == b"220"
            except OSError:
                return False

        wait_until(is_ready, PATIENCE, "Exim takes connections")

    def stop(self) -> None:
        if self._process is not None:
            end([self._process])
            self._popen.wait(15)
            self._process = None
            wait_until(lambda: not self._left(), PATIENCE, "no process of Exim is left", 0.02)

    def _left(self) -> list[str]:
        """Pids of programs that have its configuration."""
        mark, found = os.fsencode(self.config), []
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if mark in each.read_bytes():
                    found.append(each.parent.name)
        return found

    def busy(self, is_busy: bool) -> None:
        """Whether each mail is put off with a 451."""
        busy = self.folder / "busy"
        busy.touch() if is_busy else busy.unlink(missing_ok=True)

    def log(self) -> str:
        return "".join(each.read_text() for each in sorted((self.folder / "log").glob("*log")))

    def put_off(self) -> list[str]:
        """Message-IDs of what was told to come back later."""
        main = self.folder / "log/mainlog"
        return re.findall(r"put off (<[^>]*>)", main.read_text()) if main.exists() else []

    def mailbox(self, name: str) -> list[email.message.EmailMessage]:
        """In the order in which they were taken; Exim delivers them side by side."""
        taken = re.findall(r" <= .* id=(\S+)", self.log())
        mails = [email.message_from_bytes(each.read_bytes(), policy=email.policy.default) for each in self.folder.glob(f"mail/{name}/new/*")]
        return sorted(mails, key=lambda mail: taken.index(mail["Message-ID"].strip("<>")))

    def wait(self, name: str, count: int) -> list[email.message.EmailMessage]:
        try:
            wait_until(lambda: len(self.mailbox(name)) >= count, PATIENCE, "", 0.05)
        except LabError:
            raise LabError(f"{name} has {len(self.mailbox(name))} of {count} mails after {PATIENCE:g} s: {self.log()[-3000:]}") from None
        return self.mailbox(name)
