// What is wrong, worst first, in clients: a group is one more way to look at some of them, and counted apart. Pure.

import type { Shown } from "./filter";
import { counted } from "./times";
import { groupName, stateText } from "./words";

export interface Wrong {
  state: string;
  clients: Shown[];
  /** Those of which no client is in that state: what is wrong with them would not be told otherwise. */
  groups: Shown[];
}

const order = ["danger", "contained", "warning", "offline"];
const kindOf = (state: string): string => (state === "overdue" ? "offline" : state);
export const isGroup = ({ client }: Shown): boolean => groupName(client.client_id) !== null;

function wrongWith(state: string, all: Shown[]): Wrong {
  const clients = all.filter((each) => !isGroup(each));
  const told = (group: Shown): boolean => {
    const members = new Set(group.client.members?.map((member) => member.client_id));
    return clients.some(({ client }) => members.has(client.client_id) || client.group === groupName(group.client.client_id));
  };
  return { state, clients, groups: all.filter((each) => isGroup(each) && !told(each)) };
}

/** Nothing: all are secure. A state that this page does not know comes first. */
export function wrongOf(all: Shown[]): Wrong[] {
  const found = order.map((state) => wrongWith(state, all.filter((each) => kindOf(each.state) === state)));
  const other = all.filter(({ state }) => state !== "secure" && !order.includes(kindOf(state)));
  if (other.length > 0) found.unshift(wrongWith(other[0]!.state, other));
  return found.filter(({ clients, groups }) => clients.length + groups.length > 0);
}

const verbs: Record<string, (count: number) => string> = {
  danger: (count) => `${count === 1 ? "is" : "are"} exposed`,
  warning: (count) => `${count === 1 ? "has" : "have"} a warning`,
  contained: (count) => `${count === 1 ? "has" : "have"} no tunnel, and nothing leaves`,
  offline: (count) => `${count === 1 ? "is" : "are"} silent`,
};

/** "2 clients are exposed" */
export function sentence(state: string, count: number, what: "client" | "group"): string {
  const verb = Object.hasOwn(verbs, state) ? ` ${verbs[state]!(count)}` : `: ${stateText(state).word}`;
  return counted(count, what) + verb;
}

/** What the tab says is worst; empty: nothing. Of groups only what is worse than all clients. */
export function worstText(clients: Record<string, number>, groups: Record<string, number>): string {
  for (const state of [...order, "overdue"]) {
    const word = stateText(state).word.toLowerCase();
    if (clients[state]) return `${clients[state]} ${word}`;
    if (groups[state]) return `${counted(groups[state], "group")} ${word}`;
  }
  return "";
}
