// What the time of clients went by in, in words and shares. Pure.

import { duration } from "./times";

export interface Incidents {
  count: number;
  began: number;
  recovered: number;
  open: number;
  mean_recovery_s: number | null;
  longest_s: number | null;
  longest_id: number | null;
}

export interface Reliability {
  from: string;
  to: string;
  length_s: number;
  protected_s: number;
  warning_s: number;
  contained_s: number;
  danger_s: number;
  reported_s: number;
  offline_s: number;
  unknown_s: number;
  absent_s: number;
  protected_share: number | null;
  reported_share: number | null;
  approximate?: true;
  incidents: Incidents;
}

export interface SubjectReliability {
  client_id: string;
  total: Reliability;
  periods: Reliability[];
  hints?: { kind: string; text: string }[];
}

/** Rounded down: 100 % is said only of all of the time. */
export function percentText(share: number | null): string {
  if (share === null) return "–";
  return share >= 1 ? "100 %" : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

export const secondsText = (seconds: number | null): string =>
  seconds === null ? "–" : seconds <= 0 ? "0" : seconds < 1 ? "< 1 s" : duration(seconds * 1000);

export interface Part {
  state: string;
  word: string;
  seconds: number;
}

export function partsOf(each: Reliability): Part[] {
  const parts: Part[] = [
    { state: "secure", word: "protected", seconds: each.protected_s },
    { state: "warning", word: "warning", seconds: each.warning_s },
    { state: "contained", word: "contained", seconds: each.contained_s },
    { state: "danger", word: "in danger", seconds: each.danger_s },
    { state: "offline", word: "offline", seconds: each.offline_s },
    { state: "unknown", word: "not known", seconds: each.unknown_s },
  ];
  return parts.filter((part) => part.seconds > 0);
}

/** A day has the colour of the worst in it. It is green only when nearly all of it is known: what nobody saw was not protected. */
export function colourOf(each: Reliability): string {
  const there = each.length_s - each.absent_s;
  if (there <= 0) return "absent";
  if (each.danger_s > 0) return "danger";
  if (each.offline_s > 60) return "offline";
  if (each.contained_s > 0) return "contained";
  if (each.warning_s > 0) return "warning";
  return each.protected_s > 0 && each.unknown_s <= 0.05 * there ? "secure" : "unknown";
}

/** Most danger first, then who was least protected. */
export function worstFirst(subjects: SubjectReliability[]): SubjectReliability[] {
  const share = (each: SubjectReliability): number => each.total.protected_share ?? 2;
  return [...subjects].sort(
    (a, b) => b.total.danger_s - a.total.danger_s || share(a) - share(b) || (a.client_id < b.client_id ? -1 : 1),
  );
}

export interface Sum {
  protected: number | null;
  reported: number | null;
  danger_s: number;
  incidents: number;
  recovery_s: number | null;
}

/** Green is only all of the time; else all together have the colour of the worst that was. */
export function colourOfSum(subjects: SubjectReliability[]): string {
  const share = sumOf(subjects).protected;
  if (share === null) return "nobody";
  const was = (part: "danger_s" | "offline_s" | "contained_s" | "warning_s"): boolean => subjects.some(({ total }) => total[part] > 0);
  if (was("danger_s")) return "danger";
  if (was("offline_s")) return "offline";
  if (was("contained_s")) return "contained";
  if (was("warning_s")) return "warning";
  return share >= 1 ? "secure" : "unknown";
}

/** Of all clients together, each second of each of them alike. */
export function sumOf(subjects: SubjectReliability[]): Sum {
  let there = 0;
  let protectedTime = 0;
  let reported = 0;
  let danger = 0;
  let incidents = 0;
  let recovered = 0;
  let recovery = 0;
  for (const { total } of subjects) {
    there += total.length_s - total.absent_s;
    protectedTime += total.protected_s;
    reported += total.reported_s;
    danger += total.danger_s;
    incidents += total.incidents.count;
    recovered += total.incidents.recovered;
    recovery += (total.incidents.mean_recovery_s ?? 0) * total.incidents.recovered;
  }
  return {
    protected: there > 0 ? protectedTime / there : null,
    reported: there > 0 ? reported / there : null,
    danger_s: danger,
    incidents,
    recovery_s: recovered > 0 ? recovery / recovered : null,
  };
}

/** "2026-10" of the month that is `back` months before now, in the viewer's calendar. */
export function monthName(now: number, back: number): string {
  const date = new Date(now);
  const month = new Date(date.getFullYear(), date.getMonth() - back, 1);
  return `${month.getFullYear()}-${String(month.getMonth() + 1).padStart(2, "0")}`;
}

/** When the viewer's month begins, and the next one. */
export function monthRange(name: string): { from: number; to: number } {
  const [year, month] = name.split("-").map(Number) as [number, number];
  return { from: new Date(year, month - 1, 1).getTime(), to: new Date(year, month, 1).getTime() };
}
