// What the page knows: all clients, the latest changes, the hub's clock. Pure: fed with messages and times, it touches no document.

import { states } from "./words.js";

const mostChanges = 50;
// The hub says "offline" at the deadline; a page may be this late in hearing it before it takes matters into its own hands.
const overdueAfter = 3000;

export class Fleet {
  clients = new Map();
  changes = [];
  #offset = 0;

  /** Takes one message of the live channel; `now` is the viewer's clock. Returns the ids that changed, or null for all. */
  take(message, now) {
    if (message.server_time) this.#offset = Date.parse(message.server_time) - now;
    if (message.type === "snapshot") {
      this.clients = new Map(message.clients.map((client) => [client.client_id, client]));
      return null;
    }
    if (message.type === "removed") {
      this.clients.delete(message.client_id);
      return [message.client_id];
    }
    if (!message.client) return [];
    this.clients.set(message.client.client_id, message.client);
    if (message.type === "change") this.changes = [message, ...this.changes].slice(0, mostChanges);
    return [message.client.client_id];
  }

  /** The hub's clock, in milliseconds: ages and deadlines must not depend on how well the viewer's clock is set. */
  hubTime(now) {
    return now + this.#offset;
  }

  isOverdue(client, now) {
    if (client.state === "offline" || !client.lease_deadline) return false;
    return this.hubTime(now) > Date.parse(client.lease_deadline) + overdueAfter;
  }

  /** Clients per state. One whose report is overdue is not counted as what it was. */
  totals(now) {
    const totals = Object.fromEntries(Object.keys(states).map((state) => [state, 0]));
    for (const client of this.clients.values()) {
      const state = this.isOverdue(client, now) ? "overdue" : client.state;
      totals[state] = (totals[state] ?? 0) + 1;
    }
    return totals;
  }

  /** What needs attention first, then by name. */
  sorted() {
    const order = Object.keys(states);
    const rank = (client) => order.indexOf(client.state);  // a state that this page does not know: -1, first
    return [...this.clients.values()].sort(
      (a, b) => rank(a) - rank(b) || (a.client_id < b.client_id ? -1 : a.client_id > b.client_id ? 1 : 0));
  }
}
