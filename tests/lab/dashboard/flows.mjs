// Answers to questions about connections, as the API describes them.

const traffic = (bytes_out, bytes_in, more = {}) => ({ bytes_out, bytes_in, opened: 12, uncounted: 0, ...more });
const none = traffic(0, 0, { opened: 0 });
const ways = (tunnel, outside = none, other = none) => ({ tunnel, outside, other });
const place = (country, latitude, longitude) => ({ country, latitude, longitude });
const time = (ago) => new Date(Date.now() - ago * 1000).toISOString();

const [nl, ro, us, de, jp, br] = [
  place("NL", 52.1, 5.3),
  place("RO", 45.9, 25),
  place("US", 39.5, -98.4),
  place("DE", 51.1, 10.4),
  place("JP", 36.5, 138),
  place("BR", -10.8, -53.1),
];

const flow = (more) => ({
  client_id: "office",
  direction: "out",
  protocol: "tcp",
  way: "tunnel",
  opened: 1,
  closed: 0,
  open: 1,
  first_seen: time(300),
  last_seen: time(4),
  interface: "wg0",
  bytes_out: 18_000,
  bytes_in: 940_000,
  port: 443,
  ...more,
});

const active = {
  total: 41,
  outside: 2,
  left_out: 0,
  flows: [
    flow({
      way: "outside",
      program: "curl",
      uid: 1000,
      destination: "203.0.113.80",
      country: "DE",
      interface: "eth0",
      bytes_out: undefined,
      bytes_in: undefined,
    }),
    flow({ way: "unknown", protocol: "udp", destination: "203.0.113.53", port: 53, interface: undefined }),
    flow({ program: "firefox", uid: 1000, destination: "198.51.100.80", country: "US" }),
    flow({
      program: "qbittorrent",
      uid: 1001,
      container: "6f1c2a9b",
      protocol: "udp",
      destination: "2001:db8::51",
      port: 51413,
      country: "JP",
    }),
    flow({
      direction: "in",
      listener: "udp/51820",
      protocol: "udp",
      way: "server",
      destination: "203.0.113.9",
      port: 40112,
      country: "BR",
    }),
    flow({ folded: 17, port: undefined }),
  ],
  clients: [
    {
      client_id: "office",
      time: time(4),
      interval_s: 10,
      destinations: "full",
      sources: ["sock_diag"],
      countries: true,
      why: "no CAP_NET_ADMIN",
      gaps: { lost: 3 },
    },
  ],
};

const stats = {
  from: time(86_400),
  to: time(0),
  resolution: "hour",
  active: { total: 41, outside: 2, unknown: 1 },
  totals: ways(traffic(4e9, 31e9), traffic(3e6, 41e6, { uncounted: 2 })),
  gaps: { lost: 3, folded: 17 },
  top_countries: [
    { country: "US", ...ways(traffic(2e9, 17e9)) },
    { country: "JP", ...ways(traffic(1e9, 9e9)) },
    { country: "DE", ...ways(traffic(1e8, 3e9), traffic(3e6, 41e6)) },
    { country: null, ...ways(none, none, traffic(1e6, 1e6)) },
  ],
  top_processes: [
    { program: "qbittorrent", ...ways(traffic(3e9, 20e9)) },
    { program: "firefox", ...ways(traffic(1e8, 8e9)) },
    { program: "curl", ...ways(none, traffic(0, 0, { uncounted: 4 })) },
    { program: null, ...ways(traffic(1e7, 2e8)) },
  ],
  bytes_over_time: Array.from({ length: 24 }, (_, hour) => ({
    start: time(86_400 - hour * 3600),
    length_s: 3600,
    ...ways(traffic(1e8, 1e9 * (1.3 + Math.sin(hour / 3))), hour > 19 ? traffic(1e6, 2e8) : none),
  })),
};

const map = {
  from: time(86_400),
  to: time(0),
  more: false,
  unplaced: ways(none),
  arcs: [
    { client_id: "office", outside: true, from: ro, to: de, traffic: traffic(3e6, 41e6) },
    { client_id: "office", outside: true, from: ro, to: us, traffic: traffic(1e6, 1e6) },
    { client_id: "office", outside: false, from: nl, to: us, traffic: traffic(2e9, 17e9) },
    { client_id: "office", outside: false, from: nl, to: jp, traffic: traffic(1e9, 9e9) },
    { client_id: "office", outside: false, from: nl, to: br, traffic: traffic(1e8, 1e9) },
    { client_id: "office", outside: false, from: null, to: de, traffic: traffic(1e8, 3e9) },
  ],
};

const nothing = {
  active: { flows: [], total: 0, outside: 0, left_out: 0, clients: [] },
  map: { ...map, arcs: [] },
  stats: {
    ...stats,
    active: { total: 0, outside: 0, unknown: 0 },
    totals: ways(none),
    gaps: {},
    top_countries: [],
    top_processes: [],
    bytes_over_time: [],
  },
};

/** `url`: …/connections/active?…; `silent`: no probe tells anything. */
export function flowAnswers(url, silent = false) {
  const question = new URL(url).pathname.split("/").at(-1);
  return (silent ? nothing : { active, stats, map })[question];
}
