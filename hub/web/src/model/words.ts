// What states, findings and parts of a report are called. Pure. Sentences about findings are not here: the hub sends its own table's.

import { briefTime, byteText, counted } from "./times";
import type { Change, Client, Destination, Finding, Leaked, LiveChange, Told } from "./types";

export interface StateWords {
  word: string;
  sign: string;
  meaning: string;
}

/** Every state: what it is called, its sign (colour alone is not enough), and what it means. The order is the order of attention. */
export const states: Record<string, StateWords> = {
  danger: { word: "Danger", sign: "✕", meaning: "Traffic can leave, or has left, outside the tunnel." },
  warning: { word: "Warning", sign: "!", meaning: "The address is protected, but something leaks, weakens it, or could not be checked." },
  contained: { word: "Contained", sign: "■", meaning: "The tunnel is down, and nothing can leave." },
  offline: { word: "Offline", sign: "–", meaning: "No report in time: the hub does not know." },
  secure: { word: "Secure", sign: "✓", meaning: "Traffic leaves by the tunnel, and something answers through it." },
};

/** A report is late although the hub has not said so yet: what was last known must not be shown as current. */
const overdue: StateWords = { word: "Overdue", sign: "?", meaning: "The next report is late." };

/** An unknown word from a newer hub is shown as it is, and never as green. */
export function stateText(state: string | null | undefined): StateWords {
  if (state === "overdue") return overdue;
  const known = state && Object.hasOwn(states, state) ? states[state] : undefined;
  return known ?? { word: state || "Unknown", sign: "?", meaning: "" };
}

/** Where a state stands in the order of attention; what this page does not know comes first. */
export function stateRank(state: string): number {
  return Object.keys(states).indexOf(state);
}

// What nobody knows now is graver than what is contained: that would be a promise.
const gravity = ["secure", "warning", "contained", "overdue", "offline", "danger"];

/** Of two states of the same client the one that promises less; what this page does not know promises nothing. */
export function worseState(a: string, b: string): string {
  const rank = (state: string): number => (gravity.includes(state) ? gravity.indexOf(state) : gravity.length);
  return rank(a) >= rank(b) ? a : b;
}

/** "dns_egress_outside" -> "DNS egress outside". */
export function codeText(code: string): string {
  const text = String(code)
    .replaceAll("_", " ")
    .replace(/\b(dns|ip|udp|tcp|vpn|mtu|asn|uid)\b/g, (word) => word.toUpperCase())
    .replace(/\b(ip)?v([46])\b/g, "IPv$2");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function meaningOf(finding: Finding): string {
  return finding.meaning ?? codeText(finding.code);
}

/** Gravest first; of the same gravity the oldest. */
export function byGravity(findings: Finding[]): Finding[] {
  const order = ["danger", "contained", "warning", "information"];
  return [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity) || a.since.localeCompare(b.since));
}

/** The name of a group as people gave it; null: it is a client. No client's name has a ':'. */
export function groupName(clientId: string): string | null {
  return clientId.startsWith("group:") ? clientId.slice("group:".length) : null;
}

export function exitAddresses(told: Told): string[] {
  const addresses = [told.exit?.v4, told.exit?.v6].filter((each): each is string => Boolean(each));
  if (addresses.length === 0 && told.public_ip) addresses.push(told.public_ip);
  return addresses;
}

export function countryOf(told: Told): string {
  return told.exit?.country ?? told.location?.country ?? "";
}

/** The two letters of a country as a flag; a system without flags shows the letters. Empty for anything else. */
export function flag(country: string): string {
  if (!/^[A-Za-z]{2}$/.test(country)) return "";
  return [...country.toUpperCase()].map((letter) => String.fromCodePoint(0x1f1e6 + letter.charCodeAt(0) - 65)).join("");
}

const regions = typeof Intl.DisplayNames === "function" ? new Intl.DisplayNames(["en"], { type: "region", fallback: "code" }) : null;

export function countryName(country: string): string {
  return /^[A-Za-z]{2}$/.test(country) ? (regions?.of(country.toUpperCase()) ?? country) : country;
}

export function placeText(told: Told): string {
  const parts = [told.location?.city, countryName(countryOf(told))].filter(Boolean);
  return [...new Set(parts)].join(", ");
}

export function tunnelText(told: Told): string {
  const tunnel = told.tunnel;
  return tunnel ? [tunnel.name, tunnel.kind, tunnel.up ? "up" : "down"].filter(Boolean).join(" · ") : "";
}

/** "203.0.113.53 UDP 53: 3 packets (300 bytes), uid 1000" */
export function destinationText(destination: Destination): string {
  const protocol = /^\d+$/.test(destination.protocol) ? `protocol ${destination.protocol}` : String(destination.protocol).toUpperCase();
  const way = destination.port === undefined ? protocol : `${protocol} ${destination.port}`;
  const who = destination.uid === undefined ? "" : `, uid ${destination.uid}`;
  return `${destination.address} ${way}: ${counted(destination.packets, "packet")} (${byteText(destination.bytes)})${who}`;
}

/** What left in an incident. Null is not "nothing": nobody counted, or not all the time. */
export function leakedText(leaked: Leaked | null | undefined): string {
  if (!leaked) return "Not known: nobody counted all the time";
  if (leaked.packets === 0) return leaked.at_least ? "None seen, but not all the time was counted" : "Nothing";
  return `${leaked.at_least ? "At least " : ""}${counted(leaked.packets, "packet")} (${byteText(leaked.bytes)})`;
}

const dnsVerdicts: Record<string, string> = { no_leak: "No leak", leak: "Leak", unverifiable: "Could not be verified" };

/** The DNS light: `how` decides the colour. What was not looked at is no light at all. */
export function dnsLight(client: Client): { how: "good" | "bad" | "unknown" | "none"; text: string } {
  const verdict = client.dns?.verdict;
  if (client.dns?.reason === "PORT_53_PATH_ONLY") return { how: "unknown", text: "Port 53 only" };
  if (!verdict) return { how: "none", text: "Not checked" };
  // What was asked through a tunnel that is down now proves nothing any more.
  if (verdict === "no_leak" && client.tunnel?.up === false) return { how: "unknown", text: "No leak before" };
  const how = verdict === "no_leak" ? "good" : verdict === "leak" ? "bad" : "unknown";
  return { how, text: dnsVerdicts[verdict] ?? verdict };
}

/** Why nothing can leave, where that is known. */
export function containedText(client: Client): string | null {
  return client.state === "contained" && client.kill_switch?.state === "armed" ? "by the kill switch" : null;
}

const kinds: Record<string, (change: Change | LiveChange) => string> = {
  connected: (change) => `Reported for the first time: ${stateText(change.to).word}`,
  state_changed: (change) => `${stateText(change.from).word} → ${stateText(change.to).word}`,
  address_changed: (change) =>
    `Exit address changed${change.previous_address ? ` from ${change.previous_address}` : ""}` +
    (change.public_ip ? ` to ${change.public_ip}` : ""),
  went_offline: (change) => `Went offline (was ${stateText(change.from).word})`,
  came_back: (change) => `Is back: ${stateText(change.to).word}`,
};

export function changeText(change: Change | LiveChange): string {
  const came = (change.news?.length ?? 0) > 0 ? `${stateText(change.to).word}, and more: ${change.news!.map(codeText).join(", ")}` : null;
  const text = came ?? (Object.hasOwn(kinds, change.kind) ? kinds[change.kind]!(change) : codeText(change.kind));
  const left = change.leaked && change.leaked.packets > 0 ? `; ${leakedText(change.leaked)} left outside` : "";
  return text + left + (change.past ? ", told later; the probe was silent" : "");
}

export function sinceText(text: string | undefined): string {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? "" : `since ${briefTime(time)}`;
}
