// Columns of numbers for charts, from samples and reports. Pure. Null is a gap: nobody measured, or nobody counted.

import type { Sample, StoredReport } from "./types";

export interface Range {
  name: string;
  hours: number;
  resolution: "minute" | "hour" | "day";
  /** Whether single reports are kept so long that traffic and handshakes can be drawn. */
  reports: boolean;
}

export const ranges: Range[] = [
  { name: "1 hour", hours: 1, resolution: "minute", reports: true },
  { name: "6 hours", hours: 6, resolution: "minute", reports: true },
  { name: "1 day", hours: 24, resolution: "minute", reports: false },
  { name: "1 week", hours: 24 * 7, resolution: "hour", reports: false },
  { name: "1 month", hours: 24 * 31, resolution: "hour", reports: false },
  { name: "1 year", hours: 24 * 366, resolution: "day", reports: false },
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

function ordered(reports: StoredReport[]): StoredReport[] {
  return [...reports].sort((a, b) => a.time.localeCompare(b.time));
}

/** Bytes per second through the tunnel between two reports. A counter that fell began anew, and another tunnel is no difference. */
export function traffic(reports: StoredReport[]): Table {
  const rows = ordered(reports).filter((each) => each.tunnel?.rx_bytes !== undefined && each.tunnel.tx_bytes !== undefined);
  const times: number[] = [];
  const received: Column = [];
  const sent: Column = [];
  for (let i = 1; i < rows.length; ++i) {
    const [before, after] = [rows[i - 1]!, rows[i]!];
    const passed = seconds(after.time) - seconds(before.time);
    if (!(passed > 0)) continue;
    const same = before.tunnel!.name === after.tunnel!.name && before.tunnel!.since === after.tunnel!.since;
    const rate = (key: "rx_bytes" | "tx_bytes"): number | null => {
      const more = after.tunnel![key]! - before.tunnel![key]!;
      return same && more >= 0 ? more / passed : null;
    };
    times.push(seconds(after.time));
    received.push(rate("rx_bytes"));
    sent.push(rate("tx_bytes"));
  }
  return [times, received, sent];
}

export function handshakes(reports: StoredReport[]): Table {
  const rows = ordered(reports).filter((each) => each.tunnel);
  return [rows.map((each) => seconds(each.time)), rows.map((each) => each.tunnel?.handshake_age_s ?? null)];
}

export function hasNumbers(data: Table): boolean {
  return data.slice(1).some((column) => column.some((value) => value !== null));
}
