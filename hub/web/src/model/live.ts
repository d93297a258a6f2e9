// The live channel: a WebSocket that is opened again whenever it breaks, and that counts as broken when it is silent.

import { Clock } from "./clock";
import type { Message } from "./types";

const firstPause = 500;
const mostPause = 15000;
// The hub sends a heartbeat every 5 s. A connection that died without a word (cable, suspended laptop) shows in its silence only.
const mostSilence = 12000;
// Before the first snapshot, which may be large and the line slow.
const mostWait = 30000;
/** The hub closes with it what was opened by a word that has ended: who still may opens another one, and what is shown stays meanwhile, for
 * as long as silence may last. */
const renewCode = 4001;

export interface LiveHandlers {
  message(message: Message): void;
  live(): void;
  lost(): void;
  /** The word that opened it has ended, and another connection is begun: who looks may be somebody else by now. */
  renewed(): void;
}

export class Live {
  #pause = firstPause;
  #socket: WebSocket | null = null;
  /** The snapshot has come, and the hub was not silent since. */
  #live = false;
  /** Of the snapshot and what follows it; before it, when the connection was begun. */
  #lastHeard = 0;
  readonly #clock = new Clock();
  #retry: ReturnType<typeof setTimeout> | null = null;

  constructor(
    readonly url: string,
    readonly on: LiveHandlers,
  ) {
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.check());
  }

  /** Opens it, anew if it is open. */
  open(): void {
    this.close();
    this.#pause = firstPause;
    this.#connect();
  }

  /** Until open(). What the connection still says is not heard, and its end is not told. */
  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    const socket = this.#socket;
    this.#socket = null;
    this.#live = false;
    if (socket) this.#leave(socket);
  }

  /** Call once per second. */
  check(): void {
    const most = this.#live ? mostSilence : mostWait;
    if (this.#socket && this.#clock.now() - this.#lastHeard > most) this.#lose(this.#socket);
  }

  #connect(): void {
    this.#retry = null;
    const socket = new WebSocket(this.url);
    if (!this.#live) this.#lastHeard = this.#clock.now();
    this.#socket = socket;
    socket.onmessage = (event) => this.#hear(socket, event.data);
    socket.onclose = (event) => (event.code === renewCode && this.#live ? this.#renew(socket) : this.#lose(socket));
  }

  #hear(socket: WebSocket, text: string): void {
    if (socket !== this.#socket) return;
    const message = JSON.parse(text) as Message;
    if (this.#live || message.type === "snapshot") this.#lastHeard = this.#clock.now();
    this.on.message(message);
    // Live only from the snapshot on: before it, the page shows what it knew before the break.
    if (this.#live || message.type !== "snapshot") return;
    this.#live = true;
    this.#pause = firstPause;
    this.on.live();
  }

  #lose(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#live = false;
    this.#leave(socket);
    // Half of the pause is chance, so that the pages of many viewers do not all come back in the same moment.
    this.#retry = setTimeout(() => this.#connect(), this.#pause * (0.5 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, mostPause);
    // Last: who hears it may close the channel for good.
    this.on.lost();
  }

  /** It stays live as long as silence may last; refused, it is lost at once. */
  #renew(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#leave(socket);
    this.#connect();
    // Last: who hears it may close the channel for good.
    this.on.renewed();
  }

  #leave(socket: WebSocket): void {
    socket.onmessage = null;
    socket.close();
  }

  #reconnectNow(): void {
    if (this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#pause = firstPause;
    this.#connect();
  }
}
