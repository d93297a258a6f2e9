#!/usr/bin/python3
"""Holds Compose files, Kubernetes manifests and the Helm chart against the programs and against schemas.

    check_manifests.py --build FOLDER

Every setting must be one of the program that gets it, every variable be in .env.example, every image have a tag, every capability, port
and command exist. Then docker-compose and yamllint look (Debian), and the schemas of the Kubernetes API (npm). Where one of them cannot, the
rest is checked, and the exit code is 77 with SKIPPED and the reason unless there is a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import yaml
except ImportError:
    print("SKIPPED: not installed: python3-yaml (packaging/packages-test.txt)")
    sys.exit(77)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "helm"))
from render import Chart, MissingValue  # noqa: E402

CAPABILITIES = {"NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "DAC_OVERRIDE", "BPF", "PERFMON"}
GLUETUN = {
    "VPN_SERVICE_PROVIDER", "VPN_TYPE", "WIREGUARD_PRIVATE_KEY", "WIREGUARD_ADDRESSES", "OPENVPN_USER", "OPENVPN_PASSWORD",
    "SERVER_COUNTRIES", "FIREWALL_OUTBOUND_SUBNETS", "DNS_KEEP_NAMESERVER",
}  # fmt: skip
# Of the files themselves, and of the pod.
OTHER_VARIABLES = {"VPN_CONTAINER", "VPN_SENTINEL_VERSION", "NODE_NAME", "TZ"}
CHART_VALUES = [{}, {"nodes": {"enabled": True, "settings": {"VPN_SENTINEL_INTERVAL": "30s"}}, "sidecar": {"enabled": True}},
                {"hub": {"enabled": False, "settings": {}}, "nodes": {"enabled": True}, "probe": {"url": "https://hub.example:5000"}},
                {"hub": {"enabled": False}},
                {"sidecar": {"enabled": True, "capabilities": ["NET_ADMIN"]}},
                {"hub": {"settings": {"VPN_SENTINEL_RETENTION_DAYS": "90"}}}]  # fmt: skip


class Programs:
    """What the two programs know."""

    def __init__(self, build: Path) -> None:
        self._build = build
        self.settings = {name: self._settings(name) for name in ("hub", "probe")}
        self.version = self._ask("hub", "--version").split()[-1]

    def _ask(self, program: str, *words: str) -> str:
        binary = self._build / f"vpn-sentinel-{program}"
        return subprocess.run([str(binary), *words], capture_output=True, text=True, check=True).stdout

    def _settings(self, program: str) -> set[str]:
        return set(re.findall(r"`((?:VPN_SENTINEL|TELEGRAM)_[A-Z0-9_]+)`", self._ask(program, "--print-settings-table")))

    def has_command(self, program: str, command: str) -> bool:
        return re.search(rf"^  {re.escape(command)} ", self._ask(program, "--help"), re.M) is not None


    def has_flag(self, program: str, command: list[str], flag: str) -> bool:
        """Of the command, or of the second word of it (`key add`)."""
        words = command[:2] if command[0] == "key" else command[:1]
        return re.search(rf"^  +(-\w,)?{flag}\b", self._ask(program, *words, "--help"), re.M) is not None


class Checker:
    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.faults: list[str] = []
        self.skipped: list[str] = []

    def expect(self, holds: object, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    # What both kinds of files have

    def image(self, where: str, image: str) -> str:
        """The program of the image: hub, probe or none of ours."""
        name, _, tag = image.partition(":")
        self.expect(name and tag and tag != "latest", f"{where}: the image {image} has no tag of its own")
        program = name.removeprefix("vpn-sentinel-")
        if program not in ("hub", "probe"):
            return ""
        fits = tag in (self.programs.version, f"${{VPN_SENTINEL_VERSION:-{self.programs.version}}}")
        self.expect(fits, f"{where}: {image} is not version {self.programs.version}")
        return program

    def environment(self, where: str, program: str, names: set[str]) -> None:
        known = self.programs.settings[program] if program else GLUETUN
        for name in sorted(names - known - OTHER_VARIABLES):
            self.faults.append(f"{where}: {name} is no setting of {program or 'gluetun'}")

    def capabilities(self, where: str, program: str, dropped: list[str], added: list[str]) -> None:
        self.expect(set(added) <= CAPABILITIES, f"{where}: {added}: an unknown capability")
        self.expect(not program or dropped == ["ALL"], f"{where}: not all capabilities are dropped")
        self.expect(program != "hub" or not added, f"{where}: the hub needs no capability")

    def command(self, where: str, words: list[str]) -> None:
        program = words[0].removeprefix("/usr/bin/vpn-sentinel-")
        self.expect(program in ("hub", "probe") and self.programs.has_command(program, words[1]), f"{where}: no command {words}")

    # Compose

    def compose(self, file: Path) -> None:
        text = file.read_text()
        where = f"compose/{file.parent.name}"
        for name, service in yaml.safe_load(text)["services"].items():
            self.service(f"{where} {name}", service)
        used = set(re.findall(r"\$\{([A-Z_]+)", text)) | set(re.findall(r"^ +([A-Z][A-Z0-9_]+):$", text, re.M))
        told = set(re.findall(r"^#?([A-Z_]+)=", (file.parent / ".env.example").read_text(), re.M))
        self.expect(used == told, f"{where}: .env.example and compose.yaml differ in {sorted(used ^ told)}")

    def service(self, where: str, service: dict) -> None:
        program = self.image(where, service["image"])
        self.environment(where, program, set(service.get("environment", {})))
        self.capabilities(where, program, service.get("cap_drop", []), service.get("cap_add", []))
        if not program:
            return
        self.expect(service.get("read_only") is True, f"{where}: not read-only")
        for port in service.get("ports", []):
            self.expect(port.rpartition(":")[2] in ("5000", "8080", "8081"), f"{where}: nobody listens on {port}")
        data = [volume for volume in service["volumes"] if volume.endswith(":/var/lib/vpn-sentinel")]
        self.expect(len(data) == 1, f"{where}: no volume for the data")

    # Kubernetes

    def objects(self, where: str, objects: list[dict]) -> None:
        for item in objects:
            name = f"{where} {item['kind']} {item['metadata']['name']}"
            if item["kind"] == "Service":
                self.kubernetes_service(name, item, objects)
                continue
            pod = item["spec"]["template"]["spec"]
            labels = item["spec"]["template"]["metadata"]["labels"]
            self.expect(item["spec"]["selector"]["matchLabels"] == labels, f"{name}: it does not select its own pods")
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                if not container["image"].startswith("your-program"):
                    self.container(f"{name} {container['name']}", container)
            mounted = {mount["name"] for each in self.containers(pod) for mount in each.get("volumeMounts", [])}
            claims = item["spec"].get("volumeClaimTemplates", [])
            volumes = {each["name"] for each in pod.get("volumes", [])} | {each["metadata"]["name"] for each in claims}
            self.expect(mounted == volumes, f"{name}: volumes and mounts differ in {sorted(mounted ^ volumes)}")

    @staticmethod
    def containers(pod: dict) -> Iterator[dict]:
        yield from (*pod.get("initContainers", []), *pod["containers"])

    def kubernetes_service(self, name: str, service: dict, objects: list[dict]) -> None:
        for item in objects:
            if item["kind"] != "Service" and item["spec"]["template"]["metadata"]["labels"] == service["spec"]["selector"]:
                named = {port["name"] for each in self.containers(item["spec"]["template"]["spec"]) for port in each.get("ports", [])}
                self.expect({port["targetPort"] for port in service["spec"]["ports"]} <= named, f"{name}: a port that nobody has")
                return
        self.faults.append(f"{name}: it selects no pods")

    def container(self, where: str, container: dict) -> None:
        program = self.image(where, container["image"])
        self.environment(where, program, {each["name"] for each in container.get("env", [])})
        security = container["securityContext"]
        given = security["capabilities"]
        self.capabilities(where, program, given.get("drop", []), given.get("add", []))
        if not program:
            return
        # The runtime's profile forbids looks at processes that it does not confine.
        confined = security.get("appArmorProfile", {}).get("type") != "Unconfined"
        self.expect(confined != ("SYS_PTRACE" in given.get("add", [])), f"{where}: AppArmor is off if and only if there is SYS_PTRACE")
        self.expect(security["readOnlyRootFilesystem"] is True, f"{where}: not read-only")
        self.expect("/var/lib/vpn-sentinel" in [each["mountPath"] for each in container["volumeMounts"]], f"{where}: no data folder")
        if program == "hub":
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                place = container[kind]["httpGet"]["path"]
                self.expect(place == "/health/startup", f"{where}: {kind}: a hub whose disk is full must go on, so not {place}")
        else:
            self.command(where, container["livenessProbe"]["exec"]["command"])
        self.expect(container["livenessProbe"]["timeoutSeconds"] >= 10, f"{where}: healthcheck itself waits 5 s")
        for port in container.get("ports", []):
            self.expect(port["containerPort"] in (5000, 8080, 8081), f"{where}: nobody listens on {port}")


def check_guide(checker: Checker, programs: Programs, file: Path) -> None:
    """What stands in its code blocks must be there: commands, their flags, files and folders."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", file.read_text(), re.M | re.S)
    for line in "".join(text for language, text in blocks if language in ("", "sh")).replace("\\\n", " ").splitlines():
        words = line.partition(" #")[0].split()
        for path in (word for word in words if word.startswith("packaging/")):
            checker.expect((HERE.parent / path).exists(), f"{file.name}: {path} is not there")
        at = next((i for i, word in enumerate(words) if re.fullmatch(r"(/usr/bin/)?vpn-sentinel-(hub|probe)", word)), None)
        if at is None or at + 1 == len(words):
            continue
        program, command = words[at].rpartition("-")[2], words[at + 1]
        checker.expect(programs.has_command(program, command), f"{file.name}: no command {command} in: {line}")
        for flag in (word for word in words[at + 2 :] if word.startswith("--")):
            checker.expect(programs.has_flag(program, words[at + 1 :], flag), f"{file.name}: no flag {flag} in: {line}")


def run_tool(checker: Checker, argv: list[str], **options: object) -> None:
    """A fault is what the tool says; a tool that is not there is told."""
    if shutil.which(argv[0]) is None:
        checker.skipped.append(f"not installed, so not asked: {argv[0]} (packaging/packages-test.txt)")
        return
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, **options)
    if done.returncode != 0:
        checker.faults.append(f"{' '.join(argv)}:\n{done.stdout}{done.stderr}")


def check_secrets_stay(checker: Checker, folder: Path) -> None:
    """What a user writes beside a Compose file is neither committed nor sent to the build of an image."""
    top = HERE.parent
    for name in (".env", "config/alerts.toml", "certs/hub.key"):
        file = folder / name
        argv = ["git", "-c", f"safe.directory={top}", "-C", str(top), "check-ignore", "-q", str(file)]
        # 1: it would be committed. Without git or a checkout nothing is.
        ignored = shutil.which("git") is None or subprocess.run(argv, capture_output=True, check=False).returncode != 1
        checker.expect(ignored, f"{file}: not in .gitignore")
    sent = (top / ".dockerignore").read_text().splitlines()
    checker.expect(str(folder.parent.relative_to(top)) in sent, f"{folder.parent}: not in .dockerignore")


def ask_docker_compose(checker: Checker, file: Path) -> None:
    names = re.findall(r"^#?([A-Z_]+)=(.*)$", (file.parent / ".env.example").read_text(), re.M)
    values = {name: value or "something" for name, value in names}
    run_tool(checker, ["docker-compose", "-f", str(file), "config", "-q"], env={"PATH": os.environ["PATH"], **values})


def ask_schemas(checker: Checker, objects: list[dict]) -> None:
    """The schemas are fetched into a folder that goes away; what the lock file says is what comes."""
    if shutil.which("npm") is None:
        checker.skipped.append("not installed, so Kubernetes' schemas were not asked: npm (packaging/packages-build.txt)")
        return
    with tempfile.TemporaryDirectory(prefix=f"vs{os.getpid()}-schema-") as folder:
        for file in (HERE / "kubernetes/schema").iterdir():
            shutil.copy(file, folder)
        argv = ["npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
        try:
            subprocess.run(argv, cwd=folder, capture_output=True, check=True, timeout=240)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            checker.skipped.append("npm cannot get the packages here, so Kubernetes' schemas were not asked")
            return
        done = subprocess.run(["node", "check.mjs"], cwd=folder, input=json.dumps(objects), capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            checker.faults.append(f"schemas of the Kubernetes API:\n{done.stdout}{done.stderr}")
        else:
            print(f"{len(objects)} objects fit the schemas of the Kubernetes API")


def check_values(checker: Checker, chart: Chart) -> None:
    try:
        import jsonschema
    except ImportError:
        checker.skipped.append("not installed, so values.yaml was not held against its schema: python3-jsonschema (packaging/packages-test.txt)")
        return
    schema = json.loads((HERE / "helm/vpn-sentinel/values.schema.json").read_text())
    try:
        jsonschema.validate(chart.values, schema)
    except jsonschema.ValidationError as error:
        checker.faults.append(f"values.yaml: {error.message}")


def check_chart_asks_for_the_hub(checker: Checker, chart: Chart) -> None:
    for part in ("nodes", "sidecar"):
        try:
            chart.render("sentinel", {"hub": {"enabled": False}, part: {"enabled": True}})
        except MissingValue as message:
            checker.expect("probe.url" in str(message), f"chart: {message}")
        else:
            checker.faults.append(f"chart: {part} without a hub and without probe.url is not refused")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder with the programs")
    programs = Programs(parser.parse_args().build)
    checker = Checker(programs)
    for file in (HERE / "guides").glob("*.md"):
        check_guide(checker, programs, file)
    compose = sorted((HERE / "compose").glob("*/compose.yaml"))
    for file in compose:
        checker.compose(file)
        ask_docker_compose(checker, file)
        check_secrets_stay(checker, file.parent)
    # The hub's Service of one file is what the probes of the others name.
    manifests = sorted((HERE / "kubernetes").glob("*.yaml"))
    objects: list[dict] = []
    for file in manifests:
        found = list(yaml.safe_load_all(file.read_text()))
        checker.objects(file.name, found)
        objects += found
    chart = Chart(HERE / "helm/vpn-sentinel")
    check_values(checker, chart)
    check_chart_asks_for_the_hub(checker, chart)
    for values in CHART_VALUES:
        found = chart.render("sentinel", values)
        checker.objects("chart", found)
        objects += found
    files = [str(file) for file in (*compose, *manifests, HERE / "helm/vpn-sentinel/values.yaml")]
    rules = "{extends: default, rules: {line-length: {max: 140}, document-start: disable, comments: {min-spaces-from-content: 1}, empty-values: disable}}"
    run_tool(checker, ["yamllint", "-s", "-d", rules, *files])
    ask_schemas(checker, objects)
    print("\n".join(checker.faults) or f"{len(compose)} Compose files and {len(objects)} Kubernetes objects: no fault")
    # A check that was not made is no success.
    for reason in dict.fromkeys(checker.skipped):
        print(f"SKIPPED: {reason}")
    return 1 if checker.faults else 77 if checker.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
