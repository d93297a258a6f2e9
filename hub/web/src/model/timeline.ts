// Which state a client was in, when: stretches made of its changes. Pure.

import type { Change, State } from "./types";

export interface Stretch {
  state: State | "unknown";
  from: number;
  to: number;
}

/**
 * Stretches between `from` and `to` (milliseconds), oldest first, without gaps. Before the oldest known change its `from` tells the state,
 * else nobody knows. `complete`: no change between `from` and the oldest one is missing.
 */
export function stretches(changes: Change[], from: number, to: number, complete: boolean): Stretch[] {
  const known = changes.filter((change) => !Number.isNaN(Date.parse(change.at))).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const result: Stretch[] = [];
  let state: Stretch["state"] = (complete ? known[0]?.from : null) ?? "unknown";
  let since = from;
  for (const change of known) {
    const at = Math.min(Math.max(Date.parse(change.at), from), to);
    if (change.to !== state) {
      if (at > since) result.push({ state, from: since, to: at });
      state = change.to;
      since = at;
    }
  }
  if (to > since) result.push({ state, from: since, to });
  return result;
}

/** Share of the time in each state, 0 to 1. */
export function shares(parts: Stretch[]): Record<string, number> {
  const whole = parts.reduce((sum, part) => sum + part.to - part.from, 0);
  const result: Record<string, number> = {};
  for (const part of parts) result[part.state] = (result[part.state] ?? 0) + (part.to - part.from) / (whole || 1);
  return result;
}

export interface Exit {
  address: string;
  from: number;
}

/** The exit addresses that its changes tell, newest first. */
export function exits(changes: Change[]): Exit[] {
  const newest = [...changes].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  return newest
    .filter((change) => change.kind === "address_changed" || change.kind === "connected")
    .map((change) => ({ address: change.public_ip ?? "", from: Date.parse(change.at) }))
    .filter((exit) => exit.address !== "");
}
