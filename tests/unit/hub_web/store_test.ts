import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { access, get } from "../../../hub/web/src/api";
import { sessionOf } from "../../../hub/web/src/model/session";
import { Store } from "../../../hub/web/src/store";
import { client } from "./client.mjs";
import { openBrowser } from "./fake_browser.mjs";

let browser;
let store;
let asked;

const anna = { state: "in", user: { name: "anna", role: "viewer", totp: false, by: "session" }, csrf: "c", setup_possible: false };
const login = { state: "login", user: null, csrf: null, setup_possible: false };

beforeEach(() => {
  access.refused.clear();
  browser = openBrowser();
  asked = [];
  Object.assign(globalThis, {
    location: { protocol: "http:", host: "hub" },
    fetch: (path) => new Promise((answer) => asked.push({ path, answer })),
  });
  store = new Store();
  store.start();
});

/** The oldest question that has no answer yet gets one, and what follows from it happens. */
async function answered(session) {
  await answeredBy(Response.json(session));
}

async function answeredBy(response) {
  asked.shift().answer(response);
  await new Promise((done) => setImmediate(done));
}

function hears() {
  browser.sockets.at(-1).hears({ type: "snapshot", clients: [client("office", browser.clock.now)] });
}

test("nothing is opened before the hub has said that the viewer may look", async () => {
  assert.equal(asked[0].path, "/api/v1/session");
  assert.equal(browser.sockets.length, 0);
  await answered(login);
  assert.equal(browser.sockets.length, 0);
  store.setSession(sessionOf(anna), true);
  assert.equal(browser.sockets.length, 1);
});

test("an open hub is looked at without a log-in", async () => {
  await answered({ ...login, state: "open" });
  hears();
  assert.equal(store.live, true);
});

test("a channel that ends asks who may look, and an ended log-in leaves nothing", async () => {
  await answered(anna);
  hears();
  assert.equal(store.fleet.clients.size, 1);
  browser.sockets[0].breaks();
  assert.equal(store.live, false);
  await answered(login);
  assert.equal(store.fleet.clients.size, 0);
  assert.equal(store.lastHeard, null);
  assert.equal(store.ended, true);
  const sockets = browser.sockets.length;
  browser.clock.advance(60_000);
  assert.equal(browser.sockets.length, sockets);
});

test("a break of the network ends no log-in, and keeps what was known, as the past", async () => {
  await answered(anna);
  hears();
  browser.sockets[0].breaks();
  asked.shift().answer(Response.error());
  await new Promise((done) => setImmediate(done));
  assert.equal(store.live, false);
  assert.equal(store.fleet.clients.size, 1);
  browser.clock.advance(500);
  hears();
  assert.equal(store.live, true);
});

test("a channel that the hub wants anew asks who looks by now", async () => {
  await answered(anna);
  hears();
  browser.sockets[0].breaks(4001);
  assert.equal(asked.length, 1);
  await answered({ ...anna, user: { ...anna.user, name: "ben" } });
  assert.equal(store.fleet.clients.size, 0);
  assert.equal(store.session.user.name, "ben");
});

const html = (status) => new Response("<h1>Log in here</h1>", { status, headers: { "Content-Type": "text/html" } });
const redirect = Object.defineProperty(new Response(), "type", { value: "opaqueredirect" });

for (const [how, response] of [["leads elsewhere", redirect], ["answers with its page", html(200)], ["refuses with its page", html(401)]] as const)
  test(`a proxy that ${how} when it is asked who looks has ended the log-in`, async () => {
    await answered(anna);
    hears();
    browser.sockets[0].breaks();
    await answeredBy(response);
    assert.equal(store.fleet.clients.size, 0);
    assert.equal(store.ended, true);
  });

test("a proxy that does not reach the hub ends no log-in", async () => {
  await answered(anna);
  hears();
  browser.sockets[0].breaks();
  await answeredBy(html(502));
  assert.equal(store.session.user.name, "anna");
  assert.equal(store.fleet.clients.size, 1);
});

test("an answer that was on its way while somebody logged out does not bring him back", async () => {
  await answered(anna);
  hears();
  store.askSession();
  store.setSession(sessionOf(login), true);
  await answered(anna);
  assert.equal(store.session.state, "login");
  assert.equal(store.ended, false);
});

test("who asks while an answer is on its way gets a later one", async () => {
  await answered(anna);
  store.askSession();
  store.askSession();
  assert.equal(asked.length, 1);
  await answered(anna);
  assert.equal(asked.length, 1);
  await answered(login);
  assert.equal(store.session.state, "login");
  assert.equal(asked.length, 0);
});

test("another user begins with nothing of the one before him", async () => {
  await answered(anna);
  hears();
  store.setSession(sessionOf({ ...anna, user: { ...anna.user, name: "ben" } }));
  assert.equal(store.fleet.clients.size, 0);
  assert.equal(browser.sockets[0].closed, true);
  assert.equal(browser.sockets.length, 2);
});

test("a viewer's clock that is set back makes nobody's report young again", async () => {
  await answered({ ...login, state: "open" });
  hears();
  const office = store.fleet.clients.get("office");
  assert.equal(store.isCurrent(office), true);
  browser.clock.wrong = -3_600_000;
  browser.clock.advance(11_000);
  assert.equal(store.hubTime(), browser.clock.now);
  browser.clock.advance(25_000);
  assert.equal(store.live, false);
  assert.equal(store.shown(office).state, "overdue");
});

test("a read that is refused asks once who looks by now, and again only after it was answered or nobody told", async () => {
  await answered({ ...anna, user: { ...anna.user, role: "admin" } });
  const read = async (status) => {
    const result = get("/api/v1/users?limit=5").catch((error) => error.status);
    await answeredBy(Response.json({}, { status }));
    await result;
    return asked.map((each) => each.path);
  };
  assert.deepEqual(await read(200), []);
  assert.deepEqual(await read(403), ["/api/v1/session"]);
  await answered(anna);
  assert.equal(store.session.user.role, "viewer");
  assert.deepEqual(await read(403), []);
  assert.deepEqual(await read(200), []);
  assert.deepEqual(await read(403), ["/api/v1/session"]);
  await answeredBy(html(502));
  assert.deepEqual(await read(403), ["/api/v1/session"]);
});
