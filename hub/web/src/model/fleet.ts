// What the page knows: all clients, the latest changes, the hub's clock. Pure: fed with messages and times, it touches no document.

import type { Client, LiveChange, Member, Message } from "./types";
import { groupName, states, worseState } from "./words";

const mostChanges = 50;
// The hub says "offline" at the deadline; a page may be this late in hearing it before it takes matters into its own hands.
const overdueAfter = 3000;

export class Fleet {
  clients = new Map<string, Client>();
  changes: LiveChange[] = [];
  #offset = 0;

  /** Takes one message of the live channel; `now` is the viewer's clock. */
  take(message: Message, now: number): void {
    const told = Date.parse(message.server_time ?? "");
    if (!Number.isNaN(told)) this.#offset = told - now;
    if (message.type === "snapshot") this.clients = new Map(message.clients.map((client) => [client.client_id, client]));
    if (message.type === "removed") this.clients.delete(message.client_id);
    if ((message.type === "change" || message.type === "client") && message.client)
      this.clients.set(message.client.client_id, message.client);
    if (message.type === "change" && message.client) this.changes = [message, ...this.changes].slice(0, mostChanges);
  }

  /** For another viewer, who may see less. */
  forget(): void {
    this.clients = new Map();
    this.changes = [];
  }

  /** The hub's clock, in milliseconds: ages and deadlines must not depend on how well the viewer's clock is set. */
  hubTime(now: number): number {
    return now + this.#offset;
  }

  isOverdue(client: Client, now: number): boolean {
    if (client.state === "offline" || !client.lease_deadline) return false;
    // A deadline that cannot be read proves nothing: not overdue only if it is really ahead.
    return !(this.hubTime(now) <= Date.parse(client.lease_deadline) + overdueAfter);
  }

  /** "overdue" for one whose report is late, else its state: nobody is counted as what it was. */
  shownState(client: Client, now: number): string {
    return this.isOverdue(client, now) ? "overdue" : client.state;
  }

  /** A group tells of its members in its own message: none is shown better than the client itself is. */
  memberState(member: Member, now: number): string {
    const own = this.clients.get(member.client_id);
    return own ? worseState(member.state, this.shownState(own, now)) : member.state;
  }

  /** Clients per state. Groups have a light of their own, and are no more clients. */
  totals(now: number): Record<string, number> {
    return this.#perState(now, (id) => groupName(id) === null);
  }

  groupTotals(now: number): Record<string, number> {
    return this.#perState(now, (id) => groupName(id) !== null);
  }

  #perState(now: number, counts: (id: string) => boolean): Record<string, number> {
    const totals: Record<string, number> = Object.fromEntries(Object.keys(states).map((state) => [state, 0]));
    for (const client of this.clients.values()) {
      if (!counts(client.client_id)) continue;
      const state = this.shownState(client, now);
      totals[state] = (totals[state] ?? 0) + 1;
    }
    return totals;
  }
}
