// A document, a clock and a WebSocket made of plain objects: as much of a browser as the page's scripts use. Whatever would read text as
// HTML is an error here.

class FakeNode {
  className = "";
  dataset = {};
  attributes = {};
  hidden = false;
  open = false;
  #parent = null;
  #children = [];

  constructor(tag) {
    this.tag = tag;
  }

  get children() { return this.#children.filter((child) => child instanceof FakeNode); }
  get lastElementChild() { return this.children.at(-1) ?? null; }
  get textContent() { return this.#children.map((child) => (child instanceof FakeNode ? child.textContent : child)).join(""); }
  set textContent(text) { this.#replace([String(text)]); }
  set innerHTML(_) { throw new Error("innerHTML reads text as HTML"); }
  set outerHTML(_) { throw new Error("outerHTML reads text as HTML"); }
  insertAdjacentHTML() { throw new Error("insertAdjacentHTML reads text as HTML"); }

  setAttribute(name, value) { this.attributes[name] = String(value); }
  append(...nodes) { this.#insert(this.#children.length, nodes); }
  prepend(...nodes) { this.#insert(0, nodes); }
  replaceChildren(...nodes) { this.#replace(nodes); }
  insertBefore(node, before) {
    node.remove?.();
    this.#insert(before === null ? this.#children.length : this.#children.indexOf(before), [node]);
  }
  remove() {
    if (this.#parent === null) return;
    const siblings = this.#parent.#children;
    siblings.splice(siblings.indexOf(this), 1);
    this.#parent = null;
  }

  /** Every node below this one. */
  get all() { return this.children.flatMap((child) => [child, ...child.all]); }
  querySelector(tag) { return this.querySelectorAll(tag)[0] ?? null; }
  querySelectorAll(selector) {
    const [tag, attribute] = selector.split(/[[\]]/);
    return this.all.filter((node) => node.tag === tag && (attribute === undefined || node[attribute]));
  }

  #replace(nodes) {
    for (const child of this.children) child.#parent = null;
    this.#children = [];
    this.append(...nodes);
  }
  #insert(place, nodes) {
    for (const node of nodes) if (node instanceof FakeNode) node.#parent = this;
    this.#children.splice(place, 0, ...nodes.map((node) => (node instanceof FakeNode ? node : String(node))));
  }
}

class Clock {
  now = Date.parse("2026-11-21T10:00:00Z");
  #timers = [];

  setTimeout(call, pause, every) {
    const timer = { call, every, at: this.now + pause };
    this.#timers.push(timer);
    return timer;
  }
  clear(timer) { this.#timers = this.#timers.filter((each) => each !== timer); }

  advance(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.now = next.at;
      if (next.every) next.at += next.every;
      else this.clear(next);
      next.call();
    }
    this.now = end;
  }
}

/** Puts a fresh browser in place of what was there; returns what a test needs of it. */
export function openBrowser({ hub = {} } = {}) {
  const clock = new Clock();
  const events = {};
  const nodes = new Map();
  const byId = (id) => nodes.get(id) ?? nodes.set(id, new FakeNode("div")).get(id);
  const listen = (name, call) => { (events[name] ??= []).push(call); };
  const body = new FakeNode("body");
  body.dataset.live = "no";
  const document = {
    body, title: "", hidden: false, getElementById: byId, createElement: (tag) => new FakeNode(tag), addEventListener: listen,
    write() { throw new Error("write reads text as HTML"); },
  };
  const sockets = [];
  class FakeSocket {
    closed = false;
    constructor(url) {
      this.url = url;
      sockets.push(this);
    }
    close() { this.closed = true; }
    hears(message) { this.onmessage?.({ data: JSON.stringify({ server_time: new Date(clock.now).toISOString(), ...message }) }); }
    breaks() { this.onclose?.(); }
  }
  Date.now = () => clock.now;
  Math.random = () => 1;
  Object.assign(globalThis, {
    document, WebSocket: FakeSocket, addEventListener: listen,
    location: { protocol: "http:", host: "127.0.0.1:8080", hostname: "127.0.0.1" },
    fetch: async () => ({ json: async () => ({ version: "1.0.0", api_port: 5000, api_path: "/api/v1", ...hub }) }),
    setTimeout: (call, pause) => clock.setTimeout(call, pause),
    setInterval: (call, pause) => clock.setTimeout(call, pause, pause),
    clearTimeout: (timer) => clock.clear(timer),
  });
  const fire = (name) => { for (const call of events[name] ?? []) call(); };
  return { clock, document, body, byId, sockets, fire };
}

export const page = (name) => new URL(`../../../hub/web/page/${name}`, import.meta.url).href;

let opened = 0;

/** The whole page in a browser of its own. */
export async function openPage(options) {
  const browser = openBrowser(options);
  await import(`${page("app.js")}?${++opened}`);
  await new Promise((resolve) => setImmediate(resolve));
  return browser;
}

/** A client as the hub tells it, seen at `now`, with a lease of 30 s. */
export function client(clientId, now, more = {}) {
  const time = (at) => new Date(at).toISOString();
  return {
    client_id: clientId, state: "secure", since: time(now), last_seen: time(now), lease_deadline: time(now + 30_000), findings: [], ...more,
  };
}
