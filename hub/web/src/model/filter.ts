// Which clients are shown, and in which order. Pure.

import { codeText, countryName, countryOf, exitAddresses, placeText, stateRank, stateText, tunnelText } from "./words";
import type { Client } from "./types";

export type SortKey = "state" | "name" | "since" | "seen" | "exit";
export const sortKeys: Record<SortKey, string> = {
  state: "Most urgent first",
  name: "Name",
  since: "Latest change first",
  seen: "Silent longest first",
  exit: "Country of the exit",
};

export interface View {
  text: string;
  states: string[]; // empty: all
  group: string; // empty: all
  tag: string; // empty: all
  sort: SortKey;
}

export const wholeView: View = { text: "", states: [], group: "", tag: "", sort: "state" };

/** A client with what the page shows as its state now ("overdue" included). */
export interface Shown {
  client: Client;
  state: string;
}

/** Everything of a client that somebody might type into the search field, in lower case. */
function haystack({ client, state }: Shown): string {
  const parts = [
    client.client_id,
    client.group,
    ...(client.tags ?? []),
    state,
    stateText(state).word,
    ...exitAddresses(client),
    client.source_address,
    placeText(client),
    countryOf(client),
    client.location?.org,
    tunnelText(client),
    client.client_version,
    ...client.findings.map((finding) => finding.code),
    ...client.findings.map((finding) => finding.meaning ?? codeText(finding.code)),
  ];
  return parts.filter(Boolean).join("\n").toLowerCase();
}

/** Who has the tag, and the groups of which a member has it: what stands wrong with a group is wrong with him. */
function taggedIn(all: Shown[], tag: string): Set<string> {
  const tagged = new Set(all.filter(({ client }) => client.tags?.includes(tag)).map(({ client }) => client.client_id));
  const groups = all.filter(({ client }) => client.members?.some((member) => tagged.has(member.client_id)));
  return new Set([...tagged, ...groups.map(({ client }) => client.client_id)]);
}

function matches(shown: Shown, view: View, words: string[]): boolean {
  if (view.states.length > 0 && !view.states.includes(shown.state)) return false;
  if (view.group && shown.client.group !== view.group && shown.client.client_id !== `group:${view.group}`) return false;
  if (words.length === 0) return true;
  const text = haystack(shown);
  return words.every((word) => text.includes(word));
}

const byName = (a: Shown, b: Shown): number =>
  a.client.client_id < b.client.client_id ? -1 : a.client.client_id > b.client.client_id ? 1 : 0;

const orders: Record<SortKey, (a: Shown, b: Shown) => number> = {
  // Who is late is as unknown as who is offline.
  state: (a, b) => stateRank(a.state === "overdue" ? "offline" : a.state) - stateRank(b.state === "overdue" ? "offline" : b.state),
  name: byName,
  since: (a, b) => Date.parse(b.client.since) - Date.parse(a.client.since),
  seen: (a, b) => Date.parse(a.client.last_seen) - Date.parse(b.client.last_seen),
  exit: (a, b) => countryName(countryOf(a.client)).localeCompare(countryName(countryOf(b.client))),
};

export function select(all: Shown[], view: View): Shown[] {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  const order = orders[view.sort];
  const tagged = view.tag ? taggedIn(all, view.tag) : undefined;
  const chosen = all.filter((shown) => (tagged?.has(shown.client.client_id) ?? true) && matches(shown, view, words));
  return chosen.sort((a, b) => order(a, b) || byName(a, b));
}

export function tagsOf(clients: Iterable<Client>): string[] {
  return [...new Set([...clients].flatMap((client) => client.tags ?? []))].sort();
}

export function groupsOf(clients: Iterable<Client>): string[] {
  return [...new Set([...clients].map((client) => client.group ?? "").filter(Boolean))].sort();
}
