// A real hub on loopback with a data folder of its own, and reports for it.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";

const key = "key-of-the-proofs-0123456789abcdef";

export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

async function accepts(port) {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export const ownAddress = "198.51.100.9";

/** What tells a hub its address, and the settings of a hub that asks it. */
export async function startServices() {
  const place = { ip: ownAddress, city: "Bucharest", country: "RO", org: "AS64500 Example Transit" };
  const server = createHttpServer((request, respond) =>
    respond.end(request.url === "/json" ? JSON.stringify(place) : `ip=${ownAddress}\nloc=RO\n`),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const outside = `http://127.0.0.1:${server.address().port}`;
  const settings = {
    VPN_SENTINEL_SERVER_OWN_ADDRESS: "true",
    VPN_SENTINEL_TRACE_URLS: `${outside}/cdn-cgi/trace`,
    VPN_SENTINEL_IPINFO_URL: `${outside}/json`,
  };
  return { settings, close: () => server.close() };
}

export class Hub {
  #seq = new Map();

  constructor(binary, folder, ports) {
    this.binary = binary;
    this.folder = folder;
    [this.apiPort, this.dashboardPort, this.healthPort] = ports;
    this.page = `http://127.0.0.1:${this.dashboardPort}/dashboard`;
  }

  static async start(binary, more = {}) {
    const folder = await mkdtemp(path.join(tmpdir(), `vs${process.pid}-dashboard-`));
    const hub = new Hub(binary, folder, await freePorts(3));
    hub.more = more;
    await hub.launch();
    return hub;
  }

  async launch() {
    this.process = spawn(this.binary, ["run"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        PATH: "/usr/bin:/bin",
        VPN_SENTINEL_API_KEY: key,
        VPN_SENTINEL_SERVER_BIND: "127.0.0.1",
        VPN_SENTINEL_DASHBOARD_BIND: "127.0.0.1",
        VPN_SENTINEL_HEALTH_BIND: "127.0.0.1",
        VPN_SENTINEL_SERVER_API_PORT: String(this.apiPort),
        VPN_SENTINEL_SERVER_DASHBOARD_PORT: String(this.dashboardPort),
        VPN_SENTINEL_SERVER_HEALTH_PORT: String(this.healthPort),
        VPN_SENTINEL_DATA_DIR: path.join(this.folder, "data"),
        VPN_SENTINEL_SERVER_RATE_LIMIT: "0",
        VPN_SENTINEL_DASHBOARD_RATE_LIMIT: "0",
        // Nobody outside is asked.
        VPN_SENTINEL_SERVER_OWN_ADDRESS: "false",
        VPN_SENTINEL_LOG_LEVEL: "error",
        ...this.more,
      },
    });
    let said = "";
    this.process.stderr.setEncoding("utf8").on("data", (text) => {
      said = (said + text).slice(-20_000);
      process.stderr.write(text);
    });
    const deadline = Date.now() + 60_000;
    while (!(await accepts(this.dashboardPort))) {
      if (this.process.exitCode === null && Date.now() < deadline) {
        await pause(20);
        continue;
      }
      await this.end();
      throw new Error(`the hub does not come up (exit code ${this.process.exitCode}):\n${said}`);
    }
  }

  async end() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill("SIGTERM");
    await once(this.process, "exit");
  }

  async stop() {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** One report of a client; what is not given is that of a healthy one. `ago`: so many seconds ago. */
  async report(client, more = {}, ago = 0) {
    const boot = more.boot_id ?? "boot";
    const place = `${client} ${boot}`;
    const seq = (this.#seq.get(place) ?? 0) + 1;
    this.#seq.set(place, seq);
    const now = new Date();
    const body = {
      schema: 2,
      client_id: client,
      boot_id: boot,
      seq,
      timestamp: new Date(now - ago * 1000).toISOString(),
      sent_at: now.toISOString(),
      status: "alive",
      client_version: "1.0.0",
      lease_s: 600,
      path: "tunnel",
      trigger: "interval",
      state: "secure",
      findings: [],
      ...more,
    };
    const answer = await fetch(`http://127.0.0.1:${this.apiPort}/api/v1/keepalive`, {
      method: "POST",
      headers: { "X-API-Key": key, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.status !== 200) throw new Error(`report of ${client}: ${answer.status} ${await answer.text()}`);
  }

  /** A batch of connections of a client; `more`: what it says besides. */
  async connections(client, flows, more = {}) {
    const place = `${client} connections`;
    const seq = (this.#seq.get(place) ?? 0) + 1;
    this.#seq.set(place, seq);
    const now = new Date().toISOString();
    const body = { client_id: client, boot_id: "boot", seq, timestamp: now, sent_at: now, interval_s: 60, destinations: "full", flows, ...more };
    const answer = await fetch(`http://127.0.0.1:${this.apiPort}/api/v1/connections`, {
      method: "POST",
      headers: { "X-API-Key": key, "Content-Type": "application/json", "Content-Encoding": "gzip" },
      body: gzipSync(JSON.stringify(body)),
    });
    if (answer.status !== 200) throw new Error(`connections of ${client}: ${answer.status} ${await answer.text()}`);
  }

  async ask(question) {
    return (await fetch(`http://127.0.0.1:${this.apiPort}/api/v1${question}`, { headers: { "X-API-Key": key } })).json();
  }
}
