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
  /** Null: nobody knows when it began. */
  from: number | null;
}

/**
 * The exit addresses from `from` on, oldest first: the first is the one that was in force then, as far as it is known. Each change tells the
 * address after it, whatever its kind; `earlier`: those before `from`. `now`: the address that holds.
 */
export function exits(changes: Change[], earlier: Change[], from: number, now: string): Exit[] {
  const known = [...earlier, ...changes].sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || Date.parse(a.noticed) - Date.parse(b.noticed));
  const result: Exit[] = [];
  for (const [place, change] of known.entries()) {
    const at = Date.parse(change.at);
    const before = change.previous_address;
    if (before && before !== result.at(-1)?.address) result.push({ address: before, from: null });
    const address = change.public_ip;
    if (!address || address === result.at(-1)?.address) continue;
    const begins = place > 0 || change.kind === "connected" || Boolean(change.previous_address);
    result.push({ address, from: begins ? at : null });
  }
  // An address that is told without a change of it.
  if (now && now !== result.at(-1)?.address) result.push({ address: now, from: null });
  const inForce = result.findLastIndex((exit, place) => (exit.from === null ? place === 0 : exit.from <= from));
  return result.slice(Math.max(inForce, 0));
}
