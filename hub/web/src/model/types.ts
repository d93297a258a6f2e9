// What the API tells (hub/http/openapi.json). All of it comes from the network: a word that is not listed here is possible everywhere.

import type { Peers } from "./peers";

export type State = "secure" | "warning" | "contained" | "danger" | "offline";
export type Severity = "information" | "warning" | "contained" | "danger";
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Finding {
  code: string;
  severity: Severity;
  since: string;
  evidence: { [key: string]: Json };
  meaning?: string;
  advice?: string;
}

export interface Destination {
  address: string;
  protocol: string;
  port?: number;
  uid?: number;
  packets: number;
  bytes: number;
}

export interface Leak {
  counting?: boolean;
  why?: string;
  since?: string;
  packets?: number;
  bytes?: number;
  dns_packets?: number;
  v4_packets?: number;
  v6_packets?: number;
  endpoint_packets?: number;
  local_packets?: number;
  destinations?: Destination[];
}

export interface Leaked {
  packets: number;
  bytes: number;
  destinations: Destination[];
  at_least?: boolean;
}

export interface Tunnel {
  name: string;
  kind: string;
  up: boolean;
  since?: string;
  rx_bytes?: number;
  tx_bytes?: number;
  handshake_age_s?: number;
}

export interface Told {
  schema?: 1 | 2;
  client_version?: string;
  path?: "tunnel" | "uplink";
  trigger?: string;
  public_ip?: string;
  location?: { country?: string; city?: string; region?: string; org?: string; timezone?: string };
  dns_test?: { location?: string; colo?: string };
  tunnel?: Tunnel;
  exit?: { v4?: string | null; v6?: string | null; asn?: number; country?: string; source?: string; sources?: number };
  dns?: { verdict?: string; reason?: string; egress?: string[]; resolvers?: { address: string; route: string }[] };
  leak?: Leak;
  kill_switch?: { mode?: string; state?: string; why?: string; since?: string; stopped_packets?: number };
  ruleset?: { verdict?: string; changed_by?: string; changed_at?: string };
  udp_exit?: { v4?: string | null; v6?: string | null };
  mtu?: { large_packets?: string };
  peers?: Peers;
  latency_ms?: number;
  group?: string;
  /** The user's own words for it. */
  tags?: string[];
}

export interface Client extends Told {
  client_id: string;
  state: State;
  since: string;
  first_seen: string;
  last_seen: string;
  lease_deadline: string;
  source_address: string;
  findings: Finding[];
  state_before_offline?: State;
  reported_at?: string;
  clock_skew_ms?: number;
  rule?: string;
  members?: Member[];
}

export interface Member {
  client_id: string;
  state: State;
  since: string;
  sees: boolean;
}

export interface Change {
  at: string;
  noticed: string;
  kind: string;
  from: State | null;
  to: State;
  previous_lasted_ms: number;
  findings: Finding[];
  past?: boolean;
  news?: string[];
  previous_address?: string;
  public_ip?: string;
  exposed_s?: number;
  leaked?: Leaked;
}

/** A change as the live channel tells it: whose it is, and all of the client. */
export interface LiveChange extends Change {
  client_id: string;
  client?: Client;
}

export interface Incident {
  id: number;
  client_id: string;
  start: string;
  end: string | null;
  open: boolean;
  worst: State;
  state: State;
  exposed_s: number;
  leaked: Leaked | null;
  findings: Finding[];
  /** Null: nobody has. */
  acknowledged: { by: string; at: string; note?: string } | null;
  comment_count: number;
}

export interface IncidentComment {
  id: number;
  at: string;
  by: string;
  text: string;
}

/** What is asked for by its number. */
export interface IncidentDetail extends Incident {
  comments: IncidentComment[];
}

/** Nobody is told of a subject: a client, or "group:NAME". */
export interface Mute {
  subject: string;
  /** Null: until somebody takes it back. */
  until: string | null;
  by: string;
  at: string;
  /** Empty: none was given. */
  reason: string;
}

export interface Sample {
  start: string;
  length_s: number;
  reports: number;
  worst: State | null;
  secure_s: number;
  warning_s: number;
  contained_s: number;
  danger_s: number;
  unknown_s: number;
  latency_ms: { min: number; mean: number; max: number } | null;
  exits: string[];
  more_exits?: boolean;
  packets_outside: number | null;
  bytes_outside: number | null;
  /** Null: not told, or not recorded, as by hubs of before. */
  traffic_bytes_per_s: { rx: number; tx: number } | null;
  handshake_age_s: { mean: number; max: number } | null;
}

export interface StoredReport extends Told {
  client_id: string;
  time: string;
  received: string;
  source_address: string;
  state?: State;
}

export type Message =
  | { type: "snapshot"; server_time: string; clients: Client[] }
  | ({ type: "change"; server_time: string } & LiveChange)
  | { type: "client"; server_time: string; client: Client }
  | { type: "removed"; server_time: string; client_id: string }
  | { type: "heartbeat"; server_time: string };

export interface About {
  version: string;
  api_port: number;
  api_tls: boolean;
  api_path: string;
}
