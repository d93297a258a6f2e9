// The live channel: a WebSocket that is opened again whenever it breaks, and that counts as broken when it is silent.

const firstPause = 500;
const mostPause = 15000;
// The hub sends a heartbeat every 5 s. A connection that died without a word (cable, suspended laptop) shows in its silence only.
const mostSilence = 12000;

export class Live {
  #pause = firstPause;
  #socket = null;
  #lastHeard = 0;
  #retry = null;

  /** on.message(object), on.live(), on.lost() */
  constructor(url, on) {
    this.url = url;
    this.on = on;
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.check());
    this.#connect();
  }

  /** Call once per second. */
  check() {
    if (this.#socket?.heard && Date.now() - this.#lastHeard > mostSilence) this.#lose(this.#socket);
  }

  #connect() {
    this.#retry = null;
    const socket = new WebSocket(this.url);
    socket.heard = false;
    this.#socket = socket;
    socket.onmessage = (event) => this.#hear(socket, event.data);
    socket.onclose = () => this.#lose(socket);
  }

  #hear(socket, text) {
    if (socket !== this.#socket) return;
    const message = JSON.parse(text);
    this.#lastHeard = Date.now();
    this.on.message(message);
    // Live only from the snapshot on: before it, the page shows what it knew before the break.
    if (socket.heard || message.type !== "snapshot") return;
    socket.heard = true;
    this.#pause = firstPause;
    this.on.live();
  }

  #lose(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket.onmessage = null;
    socket.close();
    this.on.lost();
    // Half of the pause is chance, so that the pages of many viewers do not all come back in the same moment.
    this.#retry = setTimeout(() => this.#connect(), this.#pause * (0.5 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, mostPause);
  }

  #reconnectNow() {
    if (this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#pause = firstPause;
    this.#connect();
  }
}
