// A clock and a WebSocket made of plain objects: as much of a browser as the live channel uses.

const start = Date.parse("2026-11-21T10:00:00Z");

class Clock {
  now = start;
  /** What the viewer's clock is wrong by. */
  wrong = 0;
  #timers = [];

  setTimeout(call, pause, every) {
    const timer = { call, every, at: this.now + pause };
    this.#timers.push(timer);
    return timer;
  }
  clear(timer) {
    this.#timers = this.#timers.filter((each) => each !== timer);
  }

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
export function openBrowser() {
  const clock = new Clock();
  const events = {};
  const listen = (name, call) => {
    (events[name] ??= []).push(call);
  };
  const sockets = [];
  class FakeSocket {
    closed = false;
    constructor(url) {
      this.url = url;
      sockets.push(this);
    }
    close() {
      this.closed = true;
    }
    hears(message) {
      this.onmessage?.({ data: JSON.stringify({ server_time: new Date(clock.now).toISOString(), ...message }) });
    }
    breaks(code = 1006) {
      this.onclose?.({ code });
    }
  }
  Date.now = () => clock.now + clock.wrong;
  performance.now = () => clock.now - start;
  Math.random = () => 1;
  Object.assign(globalThis, {
    document: { hidden: false, addEventListener: listen },
    WebSocket: FakeSocket,
    addEventListener: listen,
    setTimeout: (call, pause) => clock.setTimeout(call, pause),
    setInterval: (call, pause) => clock.setTimeout(call, pause, pause),
    clearTimeout: (timer) => clock.clear(timer),
  });
  const fire = (name) => {
    for (const call of events[name] ?? []) call();
  };
  return { clock, sockets, fire };
}
