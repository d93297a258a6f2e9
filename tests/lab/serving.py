#!/usr/bin/env python3
"""Who is connected to a VPN server: fifty real clients of OpenVPN (UDP, TCP) and WireGuard, held against what the servers themselves know.

    serving.py --build FOLDER [TEST…]

No log of a VPN program is read by the probe; this test reads OpenVPN's status files and `wg show` for the truth.
"""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import netns
import suite
import tunnels
from certificates import make_peer, make_wireguard_key
from lab import Lab
from network import DIRECT, EXIT, SERVER
from process import wait_until

BUILD = Path()
WIREGUARD, OPENVPN_UDP, OPENVPN_TCP = 51820, 1194, 1195
WIREGUARD_CLIENTS, UDP_CLIENTS, TCP_CLIENTS = 30, 10, 10
# The last ones of WireGuard's call by IPv6.
V6_CLIENTS = 3
NETWORKS = {"203.0.113.0/24", "2001:db8:10::/48"}
GROUP = 7
PORTS = f"udp/{WIREGUARD},udp/{OPENVPN_UDP},tcp/{OPENVPN_TCP}"


class Serving(unittest.TestCase):
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.net = cls.lab._net
        cls.server = cls.lab.netns("vpnsrv")
        # The lab's address translation has switched connection tracking on there, as it is on most VPN servers.
        netns.sysctl(cls.server, {"netfilter/nf_conntrack_acct": 1})
        cls.clients: dict[str, subprocess.Popen] = {}
        cls.start_wireguard()
        cls.start_openvpn()

    @classmethod
    def tearDownClass(cls) -> None:
        for client in cls.clients.values():
            client.kill()
            client.wait(5)

    # Servers and clients

    @classmethod
    def start_wireguard(cls) -> None:
        folder = cls.lab.folder
        server_key = make_wireguard_key(folder, "server")
        tunnels._wireguard_daemon(cls.net, "vpnsrv", "wg-server", "wg0")
        process = cls.lab.process("wg-server")
        cls.keys = {make_wireguard_key(folder, f"client{i}"): i for i in range(WIREGUARD_CLIENTS)}
        arguments = ["private-key", str(folder / "server.wgkey"), "listen-port", str(WIREGUARD)]
        for key, i in cls.keys.items():
            arguments += ["peer", key, "allowed-ips", f"198.19.0.{i + 10}/32"]
        # Known, and never there.
        cls.absent = make_wireguard_key(folder, "absent")
        arguments += ["peer", cls.absent, "allowed-ips", "198.19.0.250/32"]
        netns.ip(cls.server, ["addr add 198.19.0.1/24 dev wg0"])
        tunnels.wg(cls.net, "vpnsrv", process, ["set", "wg0", *arguments])
        netns.ip(cls.server, ["link set mtu 1380 up dev wg0"])
        for i in range(WIREGUARD_CLIENTS):
            tunnels._wireguard_daemon(cls.net, "vpn", f"wg-client{i}", f"c{i}")
            server = f"[{EXIT['v6']}]" if i >= WIREGUARD_CLIENTS - V6_CLIENTS else SERVER
            arguments = ["private-key", str(folder / f"client{i}.wgkey"), "peer", server_key, "endpoint", f"{server}:{WIREGUARD}"]
            arguments += ["persistent-keepalive", "5", "allowed-ips", "198.19.0.1/32"]
            netns.ip(cls.lab.netns("vpn"), [f"link set mtu 1380 up dev c{i}"])
            tunnels.wg(cls.net, "vpn", cls.lab.process(f"wg-client{i}"), ["set", f"c{i}", *arguments])

    @classmethod
    def start_openvpn(cls) -> None:
        folder = cls.lab.folder
        fingerprint = {name: make_peer(folder, name) for name in ("openvpn-server", "openvpn-client")}
        common = "openvpn --disable-dco --dh none --data-ciphers AES-256-GCM --auth-nocache --verb 3 --suppress-timestamps".split()

        def start(space: str, name: str, own: str, other: str, more: str) -> subprocess.Popen:
            identity = ["--cert", str(folder / f"{own}.crt"), "--key", str(folder / f"{own}.key"), "--peer-fingerprint", fingerprint[other]]
            with (folder / f"{name}.log").open("wb") as log:
                return cls.lab.popen(space, [*common, *identity, *more.split()], stdout=log, stderr=subprocess.STDOUT)

        for number, (protocol, port) in enumerate((("udp4", OPENVPN_UDP), ("tcp4-server", OPENVPN_TCP))):
            more = f"--mode server --tls-server --topology subnet --server 198.19.{number + 1}.0 255.255.255.0 --dev tun{number} --duplicate-cn"
            more += f" --proto {protocol} --port {port} --keepalive 2 10 --status {folder}/status{number} 1 --status-version 2"
            name = f"openvpn-server{number}"
            cls.clients[name] = start("vpnsrv", name, "openvpn-server", "openvpn-client", more)
            cls.wait_for_log(name)
        count = {"udp4": UDP_CLIENTS, "tcp4-client": TCP_CLIENTS}
        for protocol, port in (("udp4", OPENVPN_UDP), ("tcp4-client", OPENVPN_TCP)):
            for i in range(count[protocol]):
                # No interface: a client in every respect that a server sees.
                more = f"--client --dev null --ifconfig-noexec --route-noexec --nobind --remote {SERVER} {port} --proto {protocol}"
                name = f"{protocol}-{i}"
                cls.clients[name] = start("vpn", name, "openvpn-client", "openvpn-server", more)
        for name in cls.clients:
            cls.wait_for_log(name)

    @classmethod
    def wait_for_log(cls, name: str) -> None:
        log = cls.lab.folder / f"{name}.log"
        try:
            wait_until(lambda: "Initialization Sequence Completed" in log.read_text(errors="replace"), 60, f"{name} is ready")
        except Exception:
            print(log.read_text(errors="replace")[-2000:], file=sys.stderr)
            raise

    # The truth

    def wireguard_truth(self) -> dict[str, str]:
        """Endpoint by public key, of those that shook hands."""
        dump = tunnels.wg(self.net, "vpnsrv", self.lab.process("wg-server"), ["show", "wg0", "dump"])
        peers = [line.split("\t") for line in dump.splitlines()[1:]]
        return {peer[0]: peer[2] for peer in peers if peer[4] != "0"}

    def openvpn_truth(self, number: int) -> set[str]:
        """The real addresses of OpenVPN's own status file."""
        lines = (self.lab.folder / f"status{number}").read_text().splitlines()
        return {line.split(",")[2] for line in lines if line.startswith("CLIENT_LIST")}

    # The probe

    def argv(self, command: str, *more: str) -> list[str]:
        (self.lab.folder / "empty.toml").write_text("")
        return [
            str(BUILD / "vpn-sentinel-probe"), command, "--config", str(self.lab.folder / "empty.toml"), "--netns", f"name:{self.server}",
            "--client-id", "server", "--listen", PORTS, *more,
        ]  # fmt: skip

    def peers(self, *more: str) -> tuple[int, dict]:
        done = self.lab.exec("host", self.argv("peers", "--json", *more), timeout=30, check=False)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return done.returncode, json.loads(done.stdout)

    @staticmethod
    def of_port(told: dict, port: str) -> list[dict]:
        return [peer for peer in told["peers"] if peer["port"] == port]

    # Tests

    def test_a_each_client_is_told_as_the_servers_know_them(self) -> None:
        wait_until(lambda: len(self.wireguard_truth()) == WIREGUARD_CLIENTS, 30, "all clients of WireGuard have shaken hands", 0.2)
        # The kernel believes in a UDP client when it has gone on for two seconds, OpenVPN writes its status each second.
        wait_until(lambda: len(self.of_port(self.peers()[1], f"udp/{OPENVPN_UDP}")) == UDP_CLIENTS, 15, "all UDP clients go on", 0.5)
        wait_until(lambda: len(self.openvpn_truth(1)) == TCP_CLIENTS, 5, "the status file is written", 0.2)
        code, told = self.peers()
        self.assertEqual(code, 0, told["ports"])
        by_port = {port["port"]: port for port in told["ports"]}
        self.assertEqual(
            {name: (port["connected"], port["told_by"]) for name, port in by_port.items()},
            {
                f"udp/{WIREGUARD}": (WIREGUARD_CLIENTS, "wireguard"),
                f"udp/{OPENVPN_UDP}": (UDP_CLIENTS, "conntrack"),
                f"tcp/{OPENVPN_TCP}": (TCP_CLIENTS, "sock_diag"),
            },
        )
        wireguard = self.of_port(told, f"udp/{WIREGUARD}")
        self.assertEqual({peer["key"]: peer["from"] for peer in wireguard}, self.wireguard_truth())
        self.assertNotIn(self.absent, {peer["key"] for peer in wireguard})
        self.assertEqual(sum(peer["from"].startswith("[") for peer in wireguard), V6_CLIENTS)
        for number, name in enumerate((f"udp/{OPENVPN_UDP}", f"tcp/{OPENVPN_TCP}")):
            self.assertEqual({peer["from"] for peer in self.of_port(told, name)}, self.openvpn_truth(number), name)
        for peer in told["peers"]:
            self.assertTrue(peer["from"].startswith((f"{DIRECT['v4']}:", f"[{DIRECT['v6']}]:")), peer)
            self.assertGreater(peer["bytes"]["in"], 0, peer)
            self.assertGreater(peer["bytes"]["out"], 0, peer)

    def test_b_bytes_grow_as_the_client_sends(self) -> None:
        key = next(key for key, i in self.keys.items() if i == 0)

        def received() -> int:
            return next(peer["bytes"]["in"] for peer in self.peers()[1]["peers"] if peer.get("key") == key)

        netns.ip(self.lab.netns("vpn"), ["addr add 198.19.0.10/24 dev c0"])
        sender = self.lab.call("vpn", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        before = received()
        try:
            for _ in range(100):
                sender.sendto(b"x" * 1000, ("198.19.0.1", 9))
                time.sleep(0.002)
        finally:
            sender.close()
        wait_until(lambda: received() - before >= 100_000, 5, "the server has counted what was sent", 0.2)
        # What WireGuard adds to each packet is 32 bytes, and packets are padded.
        self.assertLess(received() - before, 100 * (1000 + 28 + 32 + 16) + 5000)

    def test_c_less_is_told_where_the_user_wants_it(self) -> None:
        _, told = self.peers("--destinations", "prefix")
        self.assertEqual({peer["from"] for peer in told["peers"]}, NETWORKS)
        self.assertFalse([peer for peer in told["peers"] if "key" in peer])
        _, told = self.peers("--destinations", "none")
        self.assertFalse([peer for peer in told["peers"] if "from" in peer])
        self.assertEqual(len(told["peers"]), WIREGUARD_CLIENTS + UDP_CLIENTS + TCP_CLIENTS)

    def test_d_who_comes_and_goes_is_told_while_it_watches_and_tries_are_counted(self) -> None:
        netns.nft(
            self.server,
            "table inet guard {\nchain input {\ntype filter hook input priority -10;\n"
            f"ip saddr 203.0.113.10 udp sport 6000 udp dport {WIREGUARD} log group {GROUP} drop\n}}\n}}\n",
        )
        self.addCleanup(lambda: self.lab.exec("vpnsrv", ["nft", "delete table inet guard"], check=False))
        argv = self.argv("peers", "--watch", "--json", "--listen-nflog-group", str(GROUP))
        watcher = self.lab.popen("host", argv, stdout=subprocess.PIPE, text=True)
        lines: list[dict] = []
        # Nobody reads a line that never comes.
        impatience = threading.Timer(60, watcher.kill)
        impatience.start()

        def read_until(wanted, what: str) -> dict:
            while line := watcher.stdout.readline():
                lines.append(json.loads(line))
                if wanted(lines[-1]):
                    return lines[-1]
            self.fail(f"the probe ended before it told of {what}: {lines[-5:]}")

        try:
            for _ in range(WIREGUARD_CLIENTS + UDP_CLIENTS + TCP_CLIENTS):
                peer = read_until(lambda line: "peer" in line, "those who are there")["peer"]
                self.assertTrue(peer["since_before"], peer)
            gone = self.clients.pop("tcp4-client-0")
            stopped = time.monotonic()
            gone.kill()
            gone.wait(5)
            ended = read_until(lambda line: not line.get("peer", {}).get("connected", True), "who has gone")["peer"]
            print(f"an end was told after {time.monotonic() - stopped:.1f} s ", file=sys.stderr, end="", flush=True)
            self.assertEqual(ended["port"], f"tcp/{OPENVPN_TCP}")
            tries = self.lab.call("host", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tries.bind(("203.0.113.10", 6000))
            for _ in range(5):
                tries.sendto(b"who is there", (SERVER, WIREGUARD))
            tries.close()
            blocked = read_until(lambda line: line.get("blocked", {}).get("packets") == 5, "blocked tries")["blocked"]
            self.assertEqual((blocked["from"], blocked["port"]), ("203.0.113.10", f"udp/{WIREGUARD}"))
        finally:
            impatience.cancel()
            watcher.kill()
            watcher.wait(5)
            watcher.stdout.close()

    def test_e_somebody_who_is_not_answered_is_no_client(self) -> None:
        stranger = self.lab.call("host", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        stranger.bind(("203.0.113.10", 6001))
        stranger.sendto(b"x" * 148, (SERVER, WIREGUARD))
        stranger.close()
        _, told = self.peers()
        port = next(port for port in told["ports"] if port["port"] == f"udp/{WIREGUARD}")
        self.assertEqual(port["connected"], WIREGUARD_CLIENTS)
        self.assertGreaterEqual(port["unanswered"], 1)
        self.assertNotIn("203.0.113.10:6001", {peer["from"] for peer in told["peers"]})

    def test_f_what_cannot_be_read_is_said_and_is_no_zero(self) -> None:
        # A user who may enter the namespace and nothing else: no connection tracking, no other program's files.
        argv = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all,+sys_admin", "--ambient-caps=-all,+sys_admin"]
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix=self.lab.prefix)))
        folder.chmod(0o755)
        program = folder / "probe"
        program.write_bytes((BUILD / "vpn-sentinel-probe").read_bytes())
        program.chmod(0o755)
        command = self.argv("peers", "--json")
        command[0] = str(program)
        command[command.index("--config") + 1] = "/dev/null"
        done = self.lab.exec("host", [*argv, *command], timeout=30, check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        told = {port["port"]: port for port in json.loads(done.stdout)["ports"]}
        for name in (f"udp/{WIREGUARD}", f"udp/{OPENVPN_UDP}"):
            self.assertNotIn("connected", told[name])
            self.assertIn("CAP_NET_ADMIN", told[name]["why"])
        # OpenVPN writes its status each second: who has just gone may still stand there.
        connected = told[f"tcp/{OPENVPN_TCP}"]["connected"]
        wait_until(lambda: len(self.openvpn_truth(1)) == connected, 15, f"OpenVPN knows {connected} clients by TCP, too", 0.2)

    def test_g_a_look_costs_little(self) -> None:
        started = time.monotonic()
        self.peers()
        whole = time.monotonic() - started
        print(f"the whole command took {whole * 1000:.0f} ms ", file=sys.stderr, end="", flush=True)
        self.assertLess(whole, 10)


    def test_h_the_daemon_reports_them(self) -> None:
        reports: list[dict] = []

        class Hub(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                reports.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                answer = b'{"status":"ok"}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        hub = http.server.HTTPServer(("127.0.0.1", 0), Hub, bind_and_activate=False)
        hub.socket.close()
        hub.socket = self.lab.call("host", lambda: socket.create_server(("127.0.0.1", 0)))
        port = hub.socket.getsockname()[1]
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        self.addCleanup(hub.server_close)
        self.addCleanup(hub.shutdown)
        argv = self.argv("run", "--url", f"http://127.0.0.1:{port}", "--hub-path", "uplink", "--interval", "1s", "--leak-meter", "false")
        argv += ["--data-dir", str(self.lab.folder / "data"), "--destinations", "prefix", "--egress-names", "0", "--stun-servers", "none"]
        with (self.lab.folder / "daemon.log").open("wb") as log:
            daemon = self.lab.popen("host", argv, stdout=log, stderr=subprocess.STDOUT)
        try:
            told = WIREGUARD_CLIENTS + UDP_CLIENTS + len(self.openvpn_truth(1))
            wait_until(lambda: any(one.get("peers", {}).get("connected") == told for one in reports), 30, "the clients are reported", 0.1)
        finally:
            daemon.kill()
            daemon.wait(5)
        peers = next(one["peers"] for one in reports if one.get("peers", {}).get("connected") == told)
        self.assertEqual((len(peers["list"]), peers["not_listed"]), (20, told - 20))
        self.assertLessEqual({peer["from"] for peer in peers["list"]}, NETWORKS)
        # Before the first look nobody is said to be connected, nor that nobody is.
        self.assertNotIn("connected", reports[0]["peers"])


def main() -> int:
    global BUILD
    given = suite.arguments(suite.parser_of(__doc__))
    BUILD = given.build
    return suite.run(Serving, given.tests)


if __name__ == "__main__":
    sys.exit(main())
