// A rule of alerts as a form has it, and as the hub takes it. Pure.

import { FieldFault } from "./session";
import type { Json } from "./types";

/** As in the hub's file: what has its usual value is left out. */
export interface Rule {
  name: string;
  source?: "built-in" | "file" | "api";
  [key: string]: Json | undefined;
}

/** What a rule can be about, and what it needs then. */
export const kinds: Record<string, { name: string; asks: string[] }> = {
  state: { name: "The state of a client", asks: ["states"] },
  group: { name: "The state of a group", asks: ["states"] },
  finding: { name: "Findings", asks: ["findings"] },
  silence: { name: "Silence", asks: [] },
  exposure: { name: "How long somebody is exposed", asks: ["exposed_s"] },
  latency: { name: "Unusual latency", asks: ["deviations"] },
  dns_mismatch: { name: "DNS that differs from the exit, repeatedly", asks: ["count", "of"] },
  address_changes: { name: "Exit addresses that change often", asks: ["count", "window_minutes"] },
  hub: { name: "The hub itself", asks: [] },
};

export const ruleStates = ["danger", "warning", "contained", "offline", "secure"];
const lists = ["clients", "groups", "findings", "channels", "escalate_to"];
const numbers = [
  "delay_s",
  "clear_delay_s",
  "remind_minutes",
  "escalate_after_minutes",
  "group_wait_s",
  "exposed_s",
  "deviations",
  "count",
  "of",
  "window_minutes",
];
const texts = ["quiet_hours", "time_zone"];
const asked = new Set(Object.values(kinds).flatMap(({ asks }) => asks));

/** What the hub is to be sent; a field that is empty is left out. */
export function ruleOf(fields: Record<string, string>): Rule {
  const on = fields.on ?? "state";
  const rule: Rule = { name: (fields.name ?? "").trim(), on };
  if (!/^[a-z0-9-]{1,32}$/.test(rule.name)) throw new FieldFault("name", "The name needs 1-32 signs out of a-z 0-9 -");
  const counts = (name: string): boolean => !asked.has(name) || (kinds[on]?.asks.includes(name) ?? false);
  const states = ruleStates.filter((state) => fields[`state_${state}`] !== undefined);
  if (states.length > 0 && counts("states")) rule.states = states;
  for (const name of lists.filter(counts)) {
    const words = (fields[name] ?? "").split(/[\s,]+/).filter(Boolean);
    if (words.length > 0) rule[name] = words;
  }
  for (const name of numbers.filter(counts)) {
    const text = (fields[name] ?? "").trim();
    if (text === "") continue;
    const value = Number(text);
    if (Number.isNaN(value)) throw new FieldFault(name, `“${text}” is no number`);
    rule[name] = value;
  }
  for (const name of texts) if (fields[name]?.trim()) rule[name] = fields[name].trim();
  return rule;
}

/** What the form begins with; states are not in it. */
export function fieldsOf(rule: Rule | null): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(rule ?? {})) {
    if (value === undefined || name === "states" || name === "source") continue;
    fields[name] = Array.isArray(value) ? value.map(String).join(" ") : String(value);
  }
  return fields;
}
