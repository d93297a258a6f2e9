// Columns of numbers for charts, from samples. Pure. Null is a gap: nobody measured, nobody counted, or nothing was recorded.

import type { Sample } from "./types";

export interface Range {
  name: string;
  hours: number;
  resolution: "minute" | "hour" | "day";
}

export const ranges: Range[] = [
  { name: "1 hour", hours: 1, resolution: "minute" },
  { name: "6 hours", hours: 6, resolution: "minute" },
  { name: "1 day", hours: 24, resolution: "minute" },
  { name: "1 week", hours: 24 * 7, resolution: "hour" },
  { name: "1 month", hours: 24 * 31, resolution: "hour" },
  { name: "1 year", hours: 24 * 366, resolution: "day" },
];

export type Column = (number | null)[];
/** The first column is the time in seconds. */
export type Table = [number[], ...Column[]];

const seconds = (text: string): number => Date.parse(text) / 1000;

/** How far apart samples usually are, in seconds: who reports every two minutes leaves out every other one. */
function usualStep(samples: Sample[]): number {
  const steps = samples
    .slice(1)
    .map((sample, place) => seconds(sample.start) - seconds(samples[place]!.start))
    .sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

/** Samples come without the stretches in which nothing was reported: those become a gap, not a line through it. */
function withGaps(samples: Sample[]): (Sample | { start: string; gap: true })[] {
  const result: (Sample | { start: string; gap: true })[] = [];
  const usual = usualStep(samples);
  for (const sample of samples) {
    const before = result.at(-1);
    if (before && !("gap" in before) && seconds(sample.start) > seconds(before.start) + 1.5 * Math.max(before.length_s, usual)) {
      result.push({ start: new Date((seconds(before.start) + before.length_s) * 1000).toISOString(), gap: true });
    }
    result.push(sample);
  }
  return result;
}

/** A sample without a report only says that the lease of the one before still ran: it measured nothing, and is no gap either. */
function table(samples: Sample[], ...columns: ((sample: Sample) => number | null)[]): Table {
  const rows = withGaps(samples.filter((sample) => sample.reports > 0));
  return [rows.map((row) => seconds(row.start)), ...columns.map((column) => rows.map((row) => ("gap" in row ? null : column(row))))];
}

export const latencies = (samples: Sample[]): Table =>
  table(
    samples,
    (each) => each.latency_ms?.min ?? null,
    (each) => each.latency_ms?.mean ?? null,
    (each) => each.latency_ms?.max ?? null,
  );

export const outside = (samples: Sample[]): Table => table(samples, (each) => each.packets_outside);

export const traffic = (samples: Sample[]): Table =>
  table(
    samples,
    (each) => each.traffic_bytes_per_s?.rx ?? null,
    (each) => each.traffic_bytes_per_s?.tx ?? null,
  );

export const handshakes = (samples: Sample[]): Table =>
  table(
    samples,
    (each) => each.handshake_age_s?.mean ?? null,
    (each) => each.handshake_age_s?.max ?? null,
  );

/**
 * The moment, in seconds, before which clients reported and this was not recorded, as it is after an older hub. Null: there is no such time,
 * or nothing was recorded at all.
 */
export function recordedSince(data: Table): number | null {
  const first = data[0].findIndex((_, place) => data.slice(1).some((column) => column[place] !== null));
  return first > 1 ? data[0][first]! : null;
}

export function hasNumbers(data: Table): boolean {
  return data.slice(1).some((column) => column.some((value) => value !== null));
}
