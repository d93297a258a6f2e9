import assert from "node:assert/strict";
import { test } from "node:test";

import { client, openPage } from "./fake_page.mjs";

const names = (browser) => browser.byId("clients").children.map((row) => row.children[1].textContent);
const states = (browser) => browser.byId("clients").children.map((row) => row.dataset.state);

async function livePage(clientIds) {
  const browser = await openPage();
  browser.sockets[0].hears({ type: "snapshot", clients: clientIds.map((id) => client(id, browser.clock.now)) });
  return browser;
}

test("nothing is called live before the hub has told what it knows", async () => {
  const browser = await openPage();
  assert.equal(browser.sockets[0].url, "ws://127.0.0.1:8080/api/v1/live");
  browser.clock.advance(5000);
  assert.equal(browser.body.dataset.live, "no");
  browser.sockets[0].hears({ type: "snapshot", clients: [client("a", browser.clock.now)] });
  assert.equal(browser.body.dataset.live, "yes");
  assert.equal(browser.byId("connection-text").textContent, "Live");
  assert.deepEqual(states(browser), ["secure"]);
});

test("after silence the lights are hatched, and the page says that it shows the past", async () => {
  const browser = await livePage(["a"]);
  browser.clock.advance(12_000);
  assert.equal(browser.body.dataset.live, "yes");
  browser.clock.advance(2000);
  assert.equal(browser.body.dataset.live, "no");
  assert.equal(browser.byId("stale").hidden, false);
  assert.equal(browser.document.title, "(not live) VPN Sentinel");
  assert.match(browser.byId("connection-text").textContent, /last heard 1\d s ago/);
  browser.clock.advance(60_000);
  assert.deepEqual(states(browser), ["overdue"]);
});

test("the snapshot after a reconnection is the whole truth", async () => {
  const browser = await livePage(["gone", "stays"]);
  browser.sockets[0].breaks();
  assert.equal(browser.body.dataset.live, "no");
  browser.clock.advance(500);
  assert.equal(browser.sockets.length, 2);
  assert.equal(browser.body.dataset.live, "no");
  const now = browser.clock.now;
  browser.sockets[1].hears({ type: "snapshot", clients: [client("stays", now, { state: "danger" }), client("new", now)] });
  assert.equal(browser.body.dataset.live, "yes");
  assert.equal(browser.byId("stale").hidden, true);
  assert.deepEqual(names(browser), ["stays", "new"]);
  assert.deepEqual(states(browser), ["danger", "secure"]);
});

test("a change is told as text, with names that somebody else chose", async () => {
  const evil = `<script>alert(1)</script>`;
  const browser = await livePage([evil]);
  const changed = client(evil, browser.clock.now, { state: "danger", public_ip: evil });
  browser.sockets[0].hears({
    type: "change", kind: "state_changed", client_id: evil, from: "secure", to: "danger", at: changed.since, previous_lasted_ms: 5000, client: changed,
  });
  browser.sockets[0].hears({
    type: "change", kind: "address_changed", client_id: evil, to: "danger", at: changed.since, previous_address: evil, client: changed,
  });
  browser.clock.advance(100);
  const [address, state] = browser.byId("changes").children.map((item) => item.textContent);
  assert.ok(state.includes(`${evil} Secure → Danger after 5 s`), state);
  assert.ok(address.includes(`${evil} exit address changed from ${evil} to ${evil}`), address);
  assert.equal(browser.byId("changes").all.some((node) => node.tag === "script"), false);
});

test("totals do not count an overdue client as secure", async () => {
  const browser = await livePage(["a", "b"]);
  const total = (name) => browser.byId("totals").children.find((card) => card.textContent.endsWith(name))?.textContent;
  assert.equal(total("Secure"), "2Secure");
  for (let i = 0; i < 8; ++i) {
    browser.clock.advance(5000);
    browser.sockets[0].hears({ type: "heartbeat" });
  }
  browser.clock.advance(1000);
  assert.equal(browser.body.dataset.live, "yes");
  assert.equal(total("Secure"), "0Secure");
  assert.equal(total("Overdue"), "2Overdue");
});

test("a newcomer is told how to start a probe, or that none can report", async () => {
  const browser = await openPage();
  assert.ok(browser.byId("command").textContent.includes("--url http://127.0.0.1:5000 "));
  const off = await openPage({ hub: { api_port: 0 } });
  assert.ok(off.byId("command").textContent.includes("switched off"));
});
