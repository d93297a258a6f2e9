// About twenty clients as people have them: most are well, some are not, each in its own way. Documentation addresses only.

const places = [
  ["RO", "Bucharest", "AS64500 Example Transit", "198.51.100.2"],
  ["NL", "Amsterdam", "AS64501 Example Hosting", "198.51.100.17"],
  ["SE", "Stockholm", "AS64502 Example Nordic", "198.51.100.33"],
  ["CH", "Zurich", "AS64503 Example Alpine", "198.51.100.49"],
  ["US", "New York", "AS64504 Example East", "198.51.100.65"],
  ["JP", "Tokyo", "AS64505 Example Pacific", "198.51.100.81"],
];

export function healthy(place = 0, more = {}) {
  const [country, city, org, v4] = places[place % places.length];
  return {
    public_ip: v4,
    location: { country, city, region: "", org, timezone: "Europe/Bucharest" },
    dns_test: { location: country, colo: "OTP" },
    tunnel: {
      name: "wg0",
      kind: "wireguard",
      up: true,
      since: "2026-11-01T08:00:00Z",
      rx_bytes: 731_000_000,
      tx_bytes: 52_000_000,
      handshake_age_s: 41,
    },
    exit: { v4, v6: null, asn: 64500 + (place % places.length), country, source: "quorum", sources: 3 },
    dns: { verdict: "no_leak", reason: "EGRESS_IS_EXIT", egress: [v4], resolvers: [{ address: "10.64.0.1", route: "tunnel" }] },
    leak: { counting: true, since: "2026-11-20T06:00:00Z", packets: 0, bytes: 0 },
    udp_exit: { v4, v6: null },
    mtu: { large_packets: "ok" },
    kill_switch: { mode: "armed", state: "armed", since: "2026-11-20T06:00:00Z", stopped_packets: 12 },
    ruleset: { verdict: "holds" },
    latency_ms: 18.4 + 7 * place,
    lease_s: 600,
    ...more,
  };
}

export function finding(code, severity, evidence = {}, ago = 0) {
  return { code, severity, since: new Date(Date.now() - ago * 1000).toISOString(), evidence };
}

const tunnelDown = { name: "wg0", kind: "wireguard", up: false, since: "2026-11-21T10:00:00Z", rx_bytes: 0, tx_bytes: 0 };
const left = {
  counting: true,
  since: "2026-11-21T09:00:00Z",
  packets: 1843,
  bytes: 2_310_400,
  v4_packets: 1800,
  dns_packets: 43,
  destinations: [
    { address: "203.0.113.53", protocol: "udp", port: 53, uid: 1000, packets: 43, bytes: 3400 },
    { address: "203.0.113.80", protocol: "tcp", port: 443, uid: 1000, packets: 1800, bytes: 2_307_000 },
  ],
};

const tags = {
  "backup-nas": ["home", "storage"],
  "camera-gateway": ["home"],
  "family-tv": ["home"],
  "home-router": ["home"],
  "paris-office": ["office"],
};

/** [id, report] in the order in which they are sent. */
export function manyClients() {
  const calm = [
    "backup-nas",
    "build-agent-1",
    "build-agent-2",
    "camera-gateway",
    "family-tv",
    "home-router",
    "mail-relay",
    "media-server",
    "paris-office",
    "photo-archive",
    "torrent-box",
  ].map((id, place) => [id, healthy(place, { tags: tags[id], group: id.startsWith("build") ? "builders" : undefined })]);
  return [
    ...calm,
    [
      "office-vpn",
      healthy(0, {
        tags: ["office", "critical"],
        state: "danger",
        tunnel: tunnelDown,
        latency_ms: undefined,
        leak: left,
        kill_switch: { mode: "off", state: "off" },
        ruleset: { verdict: "lets_out" },
        path: "uplink",
        trigger: "change",
        findings: [
          finding(
            "default_route_outside",
            "danger",
            { destinations: ["0.0.0.0/1", "128.0.0.0/1"], device: "eth0", via: "192.0.2.1", table: "main" },
            93,
          ),
          finding("packets_outside", "danger", { packets: 1843, bytes: 2310400, destinations: left.destinations }, 90),
          finding(
            "process_outside",
            "danger",
            { processes: [{ name: "curl", pid: 4242, uid: 1000, destination: "203.0.113.80", packets: 1800 }] },
            90,
          ),
          finding("tunnel_down", "contained", { tunnel: "wg0" }, 93),
        ],
      }),
    ],
    [
      "lab-seedbox",
      healthy(2, {
        state: "danger",
        dns: {
          verdict: "leak",
          reason: "RESOLVER_OUTSIDE",
          egress: ["192.0.2.44"],
          resolvers: [{ address: "192.0.2.1", route: "outside" }],
        },
        findings: [
          finding("exit_is_uplink", "danger", { v4: { address: "192.0.2.44", told_by: ["one.example", "two.example"] } }, 610),
          finding("dns_resolver_outside", "warning", { resolver: "192.0.2.1" }, 600),
        ],
      }),
    ],
    [
      "warsaw-branch",
      healthy(1, {
        tags: ["office"],
        state: "warning",
        dns: { verdict: "unverifiable", reason: "NO_ANSWER", resolvers: [{ address: "127.0.0.11", route: "loopback" }] },
        leak: { counting: false, why: "no CAP_NET_ADMIN" },
        findings: [
          finding("dns_unverifiable", "warning", { why: "timed_out", resolvers: ["127.0.0.11"] }, 4000),
          finding("packets_uncounted", "information", { why: "no CAP_NET_ADMIN" }, 4000),
        ],
      }),
    ],
    [
      "lisbon-branch",
      healthy(3, {
        tags: ["office"],
        state: "warning",
        findings: [finding("exit_unexpected", "warning", { v4: { address: "198.51.100.49", rule: "country:PT" } }, 12000)],
      }),
    ],
    [
      "mtu-trouble",
      healthy(4, {
        state: "warning",
        mtu: { large_packets: "lost_answers" },
        findings: [finding("mtu_blackhole", "warning", { largest: 1280 }, 300)],
      }),
    ],
    [
      "gluetun-host",
      healthy(5, {
        state: "contained",
        tunnel: tunnelDown,
        exit: undefined,
        public_ip: undefined,
        location: undefined,
        latency_ms: undefined,
        dns: undefined,
        udp_exit: undefined,
        mtu: undefined,
        path: "uplink",
        findings: [finding("tunnel_down", "contained", { tunnel: "wg0" }, 240)],
      }),
    ],
    [
      "python-client",
      {
        schema: undefined,
        boot_id: undefined,
        seq: undefined,
        sent_at: undefined,
        lease_s: undefined,
        path: undefined,
        trigger: undefined,
        state: undefined,
        findings: undefined,
        public_ip: "198.51.100.99",
        location: { country: "DE", city: "Berlin", region: "BE", org: "AS64506 Example Mitte", timezone: "Europe/Berlin" },
        dns_test: { location: "DE", colo: "TXL" },
      },
    ],
    ["attic-pi", healthy(3, { lease_s: 1 })],
  ];
}
