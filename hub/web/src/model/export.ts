// Incidents as files for others. Pure.

import type { Finding, Incident } from "./types";
import { destinationText } from "./words";

// What a spreadsheet runs as a formula: such a sign at the beginning, or behind any separator that it may split at. Ids and evidence come from
// the network.
const formula = /(^|[;,\t\r\n])([\s"]*)(?=[=+\-@＝＋－＠])/g;

export function cell(value: unknown): string {
  if (typeof value === "number") return String(value);
  const text = value === null || value === undefined ? "" : String(value);
  if (text === "") return "";
  const harmless = text.replace(/^(?=[\t\r])/, "'").replace(formula, "$1$2'");
  return `"${harmless.replaceAll('"', '""')}"`;
}

/** Who sent outside, as the findings name them, and that there were others. */
function programsOf(findings: Finding[]): string[] {
  const names = findings.flatMap(({ evidence }) => {
    if (Array.isArray(evidence.programs)) return evidence.programs.filter((each) => typeof each === "string");
    if (typeof evidence.process !== "string") return [];
    const ids = (["pid", "uid"] as const).flatMap((key) => (evidence[key] === undefined ? [] : [`${key} ${String(evidence[key])}`]));
    return [ids.length > 0 ? `${evidence.process} (${ids.join(", ")})` : evidence.process];
  });
  const others = findings.some(({ evidence }) => evidence.more_programs === true || evidence.unattributed !== undefined);
  return [...new Set(names), ...(others ? ["others that are not named"] : [])];
}

const seconds = (incident: Incident, now: number): number =>
  Math.max(0, ((incident.end === null ? now : Date.parse(incident.end)) - Date.parse(incident.start)) / 1000);

const columns: [string, (incident: Incident, now: number) => unknown][] = [
  ["id", (each) => each.id],
  ["client", (each) => each.client_id],
  ["start", (each) => each.start],
  ["end", (each) => each.end],
  ["duration_seconds", seconds],
  ["worst", (each) => each.worst],
  ["state", (each) => each.state],
  ["exposed_seconds", (each) => each.exposed_s],
  ["packets_outside", (each) => each.leaked?.packets],
  ["bytes_outside", (each) => each.leaked?.bytes],
  ["at_least", (each) => (each.leaked ? each.leaked.at_least === true : "")],
  ["destinations", (each) => each.leaked?.destinations.map(destinationText).join("; ")],
  ["programs", (each) => programsOf(each.findings).join("; ")],
  ["acknowledged_by", (each) => each.acknowledged?.by],
  ["acknowledged_at", (each) => each.acknowledged?.at],
  ["comments", (each) => each.comment_count],
  ["findings", (each) => each.findings.map((finding) => finding.code).join("; ")],
];

/** RFC 4180. An amount that nobody knows is an empty cell, not 0. What goes on (it has no end) has lasted until `now`. */
export function incidentsCsv(incidents: Incident[], now: number): string {
  const rows = [columns.map(([name]) => name), ...incidents.map((incident) => columns.map(([, value]) => cell(value(incident, now))))];
  return rows.map((row) => `${row.join(",")}\r\n`).join("");
}
