// Connections as the API tells them, and what the page makes of them. Pure.

import type { Column, Table } from "./series";

export interface Traffic {
  bytes_out: number;
  bytes_in: number;
  opened: number;
  uncounted: number;
}

export interface TrafficByWay {
  tunnel: Traffic;
  outside: Traffic;
  other: Traffic;
}

export interface FlowGaps {
  folded?: number;
  lost?: number;
  batches?: number;
}

export interface Flow {
  client_id: string;
  direction: string;
  listener?: string;
  program?: string;
  uid?: number;
  container?: string;
  protocol: string;
  destination?: string;
  port?: number;
  country?: string;
  organisation?: string;
  interface?: string;
  way: string;
  bytes_out?: number;
  bytes_in?: number;
  open?: number;
  opened: number;
  closed: number;
  folded?: number;
  first_seen: string;
  last_seen: string;
}

export interface FlowSource {
  client_id: string;
  time: string;
  interval_s: number;
  destinations: string;
  sources: string[];
  countries: boolean;
  why?: string;
  gaps?: FlowGaps;
}

export interface ActiveFlows {
  flows: Flow[];
  total: number;
  outside: number;
  left_out: number;
  clients: FlowSource[];
  next?: string;
}

export interface FlowStats {
  from: string;
  to: string;
  kept_since?: string;
  resolution: string;
  active: { total: number; outside: number; unknown: number };
  totals: TrafficByWay;
  gaps: FlowGaps;
  top_countries: ({ country: string | null } & TrafficByWay)[];
  top_processes: ({ program: string | null } & TrafficByWay)[];
  bytes_over_time: ({ start: string; length_s: number } & TrafficByWay)[];
}

export interface Place {
  country: string;
  latitude: number;
  longitude: number;
}

export interface Arc {
  client_id: string;
  outside: boolean;
  from: Place | null;
  to: Place;
  traffic: Traffic;
}

export interface FlowMap {
  arcs: Arc[];
  unplaced: TrafficByWay;
  more: boolean;
}

export const bytesOf = (traffic: Traffic): number => traffic.bytes_in + traffic.bytes_out;

/** Bytes that nobody counted are not 0 bytes. */
export function bytesUnknown(traffic: Traffic): boolean {
  return traffic.uncounted > 0 && bytesOf(traffic) === 0;
}

/** What a way means for the reader; a word that is not known is "could not be told", and never fine. */
export const ways: Record<string, { word: string; how: "good" | "bad" | "unknown" | "none" }> = {
  outside: { word: "outside the tunnel", how: "bad" },
  tunnel: { word: "by the tunnel", how: "good" },
  unknown: { word: "could not be told", how: "unknown" },
  allowed: { word: "outside, allowed", how: "none" },
  server: { word: "to the VPN's server", how: "none" },
  local: { word: "local network", how: "none" },
  loopback: { word: "this machine", how: "none" },
  nowhere: { word: "no route", how: "none" },
};

export function wayOf(way: string): { word: string; how: string } {
  return (Object.hasOwn(ways, way) ? ways[way] : undefined) ?? { word: way || "could not be told", how: "unknown" };
}

export function programText(flow: Flow): string {
  if (flow.folded) return `${flow.folded} or more others`;
  const parts = [
    flow.program ?? "not known",
    flow.uid === undefined ? "" : `uid ${flow.uid}`,
    flow.container ? `container ${flow.container}` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

export function farEnd(flow: Flow): string {
  const port = flow.port === undefined ? "" : flow.destination?.includes(":") ? ` port ${flow.port}` : `:${flow.port}`;
  return `${flow.destination ?? "not told"}${port}`;
}

/** By the tunnel, outside and by other ways. A stretch of which nothing is known is a gap. */
function overTime(stats: FlowStats, value: (traffic: Traffic, seconds: number) => number | null): Table {
  const times: number[] = [];
  const columns: Column[] = [[], [], []];
  let end = NaN;
  for (const bucket of stats.bytes_over_time) {
    const start = Date.parse(bucket.start) / 1000;
    if (start > end + bucket.length_s / 2) {
      times.push(end);
      for (const column of columns) column.push(null);
    }
    times.push(start);
    [bucket.tunnel, bucket.outside, bucket.other].forEach((traffic, place) => columns[place]!.push(value(traffic, bucket.length_s)));
    end = start + bucket.length_s;
  }
  return [times, ...columns];
}

/** Bytes per second. */
export const ratesOverTime = (stats: FlowStats): Table =>
  overTime(stats, (traffic, seconds) => (bytesUnknown(traffic) ? null : bytesOf(traffic) / seconds));

/** Connections that were opened in each stretch. */
export const openedOverTime = (stats: FlowStats): Table => overTime(stats, (traffic) => traffic.opened);

export interface DrawnArc {
  outside: boolean;
  from: Place | null;
  to: Place;
  bytes: number;
  clients: string[];
}

/** Of those that are one on the map. */
export const arcKey = (arc: Arc | DrawnArc): string => `${arc.outside} ${arc.from?.country ?? ""} ${arc.to.country}`;

/** Arcs between the same places are one; those outside come last, so that they lie on top. */
export function drawnArcs(arcs: Arc[]): DrawnArc[] {
  const joined = new Map<string, DrawnArc>();
  for (const arc of arcs) {
    const key = arcKey(arc);
    const known = joined.get(key) ?? { outside: arc.outside, from: arc.from, to: arc.to, bytes: 0, clients: [] };
    known.bytes += bytesOf(arc.traffic);
    if (!known.clients.includes(arc.client_id)) known.clients.push(arc.client_id);
    joined.set(key, known);
  }
  return [...joined.values()].sort((a, b) => Number(a.outside) - Number(b.outside) || a.bytes - b.bytes);
}

/** Points of a bow between two places, as [latitude, longitude]; it bends to the left of its way, so that there and back are two lines. */
export function bow(from: Place, to: Place, points = 32): [number, number][] {
  const [north, east] = [to.latitude - from.latitude, to.longitude - from.longitude];
  const bend = 0.18;
  const [middleNorth, middleEast] = [(from.latitude + to.latitude) / 2 + east * bend, (from.longitude + to.longitude) / 2 - north * bend];
  return Array.from({ length: points + 1 }, (_, place): [number, number] => {
    const t = place / points;
    const mix = (a: number, b: number, c: number): number => (1 - t) ** 2 * a + 2 * (1 - t) * t * b + t ** 2 * c;
    return [Math.max(-85, Math.min(85, mix(from.latitude, middleNorth, to.latitude))), mix(from.longitude, middleEast, to.longitude)];
  });
}

/** A ring of [longitude, latitude] that never jumps from one edge of the world to the other. */
export function unwrapped(ring: number[][]): number[][] {
  let turn = 0;
  return ring.map(([longitude = 0, latitude = 0], place) => {
    const before = ring[place - 1]?.[0];
    if (before !== undefined && longitude - before > 180) turn -= 360;
    if (before !== undefined && longitude - before < -180) turn += 360;
    return [longitude + turn, latitude];
  });
}
