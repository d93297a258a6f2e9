// What all parts of the page share: who looks at it, the fleet, whether the page is live, and one tick per second.

import { useEffect, useState } from "preact/hooks";

import { access, askSession } from "./api";
import { Clock } from "./model/clock";
import { Fleet } from "./model/fleet";
import type { Shown } from "./model/filter";
import { Live } from "./model/live";
import { mayRead, viewerOf, type Session } from "./model/session";
import type { About, Client } from "./model/types";

type Listener = () => void;

export class Store {
  readonly fleet = new Fleet();
  /** By which silence, ages and deadlines are counted. */
  readonly clock = new Clock();
  live = false;
  /** When the hub was heard last, by `clock`; null: never. */
  lastHeard: number | null = null;
  about: About | null = null;
  /** Null: the hub has not said yet, and nothing is shown. */
  session: Session | null = null;
  /** The log-in has ended without the viewer's doing. */
  ended = false;
  #live: Live | null = null;
  #asking = false;
  #askAgain = false;
  #answers = 0;
  #listeners = new Set<Listener>();
  #tickers = new Set<Listener>();
  #states = new Map<string, string>();
  #drawing = false;

  start(): void {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#live = new Live(`${scheme}//${location.host}/api/v1/live`, {
      message: (message) => {
        this.lastHeard = this.clock.now();
        this.fleet.take(message, this.lastHeard);
        if (message.type !== "heartbeat") this.#drawSoon();
      },
      live: () => this.#setLive(true),
      lost: () => {
        this.#setLive(false);
        // The hub refuses or closes (1008) the channel of a log-in that has ended; a browser tells the page too little of that.
        this.askSession();
      },
      renewed: () => this.askSession(),
    });
    access.changed = () => this.askSession();
    this.askSession();
    setInterval(() => {
      this.#live?.check();
      if (this.session === null) this.askSession();
      this.#tick();
    }, 1000);
  }

  /** Who may see what, from the hub; one question at a time. What fails here shows in the live channel, which asks again. */
  askSession(): void {
    // The answer that is on its way may be older than what somebody asks for now.
    this.#askAgain = this.#asking;
    if (this.#asking) return;
    this.#asking = true;
    const before = this.#answers;
    askSession()
      .then((session) => {
        // An answer that was on its way while somebody logged in or out is older than what is known.
        if (this.#answers === before) this.setSession(session);
      })
      .catch(() => access.refused.clear())
      .finally(() => {
        this.#asking = false;
        if (this.#askAgain) this.askSession();
      });
  }

  /** Another viewer begins with nothing: not with what the one before him saw. `byHand`: the viewer wanted it. */
  setSession(session: Session, byHand = false): void {
    ++this.#answers;
    const other = viewerOf(session) !== viewerOf(this.session);
    if (other) {
      this.ended = !byHand && this.session?.state === "in" && !mayRead(session);
      this.#forget();
    }
    this.session = session;
    access.csrf = session.csrf;
    if (other && mayRead(session)) this.#live?.open();
    this.#notify();
  }

  setAbout(about: About): void {
    this.about = about;
    this.#drawSoon();
  }

  hubTime(): number {
    return this.fleet.hubTime(this.clock.now());
  }

  shown(client: Client): Shown {
    return { client, state: this.fleet.shownState(client, this.clock.now()) };
  }

  /** Whether what is known of a client is true now, and not merely the last that was heard. */
  isCurrent(client: Client): boolean {
    return this.live && client.state !== "offline" && !this.fleet.isOverdue(client, this.clock.now());
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Once per second: for what changes with time alone, without drawing everything. */
  onTick(ticker: Listener): () => void {
    this.#tickers.add(ticker);
    return () => this.#tickers.delete(ticker);
  }

  #forget(): void {
    this.#live?.close();
    this.fleet.forget();
    this.#states.clear();
    this.live = false;
    this.lastHeard = null;
  }

  #setLive(live: boolean): void {
    this.live = live;
    this.#notify();
  }

  /** Who became overdue changes no message: it shows here. */
  #tick(): void {
    const now = this.clock.now();
    let changed = this.#states.size !== this.fleet.clients.size;
    const states = new Map<string, string>();
    for (const [id, client] of this.fleet.clients) {
      const state = this.fleet.shownState(client, now);
      changed ||= this.#states.get(id) !== state;
      states.set(id, state);
    }
    this.#states = states;
    if (changed) this.#notify();
    for (const ticker of this.#tickers) ticker();
  }

  /** Many messages of one moment are drawn once. A timer, not an animation frame: those stop while the page is in the background. */
  #drawSoon(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    setTimeout(() => {
      this.#drawing = false;
      this.#notify();
    }, 50);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

export const store = new Store();

/** Draws the component again whenever the store changed. */
export function useStore(): Store {
  const [, setCount] = useState(0);
  useEffect(() => store.listen(() => setCount((count) => count + 1)), []);
  return store;
}
