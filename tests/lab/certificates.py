"""Certificates and keys of one lab, made by openssl and wg in its folder. Nothing here is secret."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from process import run

_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
_CONFIG = """[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def _request(folder: Path, name: str, subject: str, section: str, extra: Sequence[str] = ()) -> Path:
    certificate = folder / f"{name}.crt"
    argv = ["openssl", "req", "-x509", *_NEW_KEY, "-keyout", str(folder / f"{name}.key"), "-out", str(certificate)]
    argv += ["-days", "30", "-subj", f"/CN={subject}", "-config", str(folder / "openssl.cnf"), "-extensions", section]
    run([*argv, *extra])
    return certificate


def make_authority(folder: Path) -> Path:
    """The lab's own authority; returns its certificate file."""
    (folder / "openssl.cnf").write_text(_CONFIG.format(names="DNS:lab.test"))
    return _request(folder, "ca", "VPN Sentinel lab CA", "authority")


def make_server(folder: Path, name: str, names: Sequence[str], addresses: Sequence[str]) -> Path:
    """A server certificate signed by the authority, valid for names and addresses; the key lies beside it."""
    alternatives = [f"DNS:{entry}" for entry in names] + [f"IP:{entry}" for entry in addresses]
    (folder / "openssl.cnf").write_text(_CONFIG.format(names=",".join(alternatives)))
    signer = ["-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")]
    return _request(folder, name, names[0], "server", signer)


def make_peer(folder: Path, name: str) -> str:
    """A self-signed certificate for OpenVPN, which knows its peers by fingerprint; returns the fingerprint."""
    certificate = folder / f"{name}.crt"
    if not certificate.exists():
        (folder / "openssl.cnf").write_text(_CONFIG.format(names="DNS:lab.test"))
        _request(folder, name, name, "authority")
    printed = run(["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"])
    return printed.strip().partition("=")[2]


def make_wireguard_key(folder: Path, name: str) -> str:
    """A WireGuard key file NAME.wgkey; returns the public key."""
    file = folder / f"{name}.wgkey"
    if not file.exists():
        file.write_text(run(["wg", "genkey"]))
        file.chmod(0o600)
    return run(["wg", "pubkey"], file.read_text()).strip()
