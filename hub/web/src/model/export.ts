// Incidents as files for others. Pure.

import type { Incident } from "./types";
import { destinationText } from "./words";

// A cell that begins so is run as a formula by spreadsheets, and ids and evidence come from the network.
const formula = /^[=+\-@\t\r]/;

export function cell(value: unknown): string {
  if (typeof value === "number") return String(value);
  let text = value === null || value === undefined ? "" : String(value);
  if (formula.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const columns: [string, (incident: Incident) => unknown][] = [
  ["id", (each) => each.id],
  ["client", (each) => each.client_id],
  ["start", (each) => each.start],
  ["end", (each) => each.end],
  ["worst", (each) => each.worst],
  ["state", (each) => each.state],
  ["exposed_seconds", (each) => each.exposed_s],
  ["packets_outside", (each) => each.leaked?.packets],
  ["bytes_outside", (each) => each.leaked?.bytes],
  ["at_least", (each) => (each.leaked ? each.leaked.at_least === true : "")],
  ["destinations", (each) => each.leaked?.destinations.map(destinationText).join("; ")],
  ["acknowledged_by", (each) => each.acknowledged?.by],
  ["acknowledged_at", (each) => each.acknowledged?.at],
  ["comments", (each) => each.comment_count],
  ["findings", (each) => each.findings.map((finding) => finding.code).join("; ")],
];

/** RFC 4180. An amount that nobody knows is an empty cell, not 0. */
export function incidentsCsv(incidents: Incident[]): string {
  const rows = [columns.map(([name]) => name), ...incidents.map((incident) => columns.map(([, value]) => cell(value(incident))))];
  return rows.map((row) => `${row.join(",")}\r\n`).join("");
}
