// Scripts in what people type and what probes call themselves: refused by the hub, or text on every page; also what no hub would take.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { hubBinary, isLive, openBrowser, openPage, settled } from "./browser.mjs";
import { finding, healthy } from "./clients.mjs";
import { Hub } from "./hub.mjs";

const password = "correct horse 42";
// Short enough for names.
const script = '<img src=x onerror="ran=1"><script>ran=1</script>';

let hub;
let browser;

before(async () => {
  hub = await Hub.start(hubBinary, { VPN_SENTINEL_ADMIN_USER: "anna", VPN_SENTINEL_ADMIN_PASSWORD: password, VPN_SENTINEL_LOG_LEVEL: "info" });
  browser = await openBrowser();
  const danger = { state: "danger", findings: [finding("ipv6_outside", "danger", { device: "eth0" })] };
  await hub.report("evil", healthy(0, { group: "builders", tags: ["home"], ...danger }));
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

const field = (page, label) => page.getByLabel(label, { exact: true });

async function open() {
  const opened = await openPage(browser, hub.page, { expected: /40[0139]|WebSocket connection/ });
  await field(opened.page, "User").fill("anna");
  await field(opened.page, "Password").fill(password);
  await field(opened.page, "Password").press("Enter");
  await isLive(opened.page);
  return opened;
}

/** In the name of who is logged in: the status of the answer. */
const send = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const { csrf } = await (await fetch("/api/v1/session")).json();
      const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
      return (await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })).status;
    },
    [method, path, body],
  );

const overview = ["#/", "#/clients/evil", "#/clients/group%3Abuilders", "#/incidents", "#/incidents/evil/1", "#/reliability", "#/wall"];
const settings = ["hub", "alerts", "keys", "users", "tokens", "log", "audit"].map((part) => `#/settings/${part}`);

/** Each page is opened anew, with all that it hides. */
async function staysText(page) {
  const seen = [];
  for (const hash of [...overview, ...settings]) {
    await page.goto(hub.page + hash);
    await page.reload();
    await page.locator("main[data-live=yes], #connection[data-live=yes]").waitFor();
    await settled(page);
    for (const summary of await page.locator("summary").all()) await summary.click();
    await settled(page);
    assert.equal(await page.evaluate(() => globalThis.ran), undefined, hash);
    assert.equal(await page.locator("img[src=x]").count(), 0, hash);
    if ((await page.getByText("<script>").count()) > 0) seen.push(hash);
  }
  return seen;
}

const soon = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();

test("a script in what people type is refused, or stored and shown as text", async () => {
  const { page, close } = await open();
  const rule = { name: "leaks", on: "state", states: ["danger"] };
  const wishes = [
    ["PUT", "/mutes/evil", { reason: script }],
    ["PUT", `/mutes/${encodeURIComponent(script)}`, {}],
    ["POST", "/maintenance", { name: script, clients: ["evil"], from: soon(0), to: soon(60), reason: script }],
    ["POST", "/maintenance", { name: "n", clients: [script], from: soon(0), to: soon(60) }],
    ["POST", "/incidents/1/comments", { text: script }],
    ["POST", "/incidents/1/acknowledge", { note: script }],
    ["POST", "/tokens", { name: script, scopes: ["read"] }],
    ["POST", "/keys", { name: script, clients: ["evil"], read: false }],
    ["POST", "/keys", { name: "k", clients: [script], read: false }],
    ["POST", "/users", { name: script, role: "viewer", password }],
    ["POST", "/enrolments", { client_id: script, group: "" }],
    ["POST", "/enrolments", { client_id: "new", group: script }],
    ["PUT", `/rules/${encodeURIComponent(script)}`, { ...rule, name: script }],
    ["PUT", "/rules/leaks", { ...rule, clients: [script], groups: [script] }],
    ["PUT", "/rules/leaks", { ...rule, quiet_hours: script }],
  ];
  const taken = [];
  for (const [method, path, body] of wishes) {
    const status = await send(page, method, path, body);
    assert.ok([200, 201, 400, 404].includes(status), `${method} ${path}: ${status}`);
    if (status < 400) taken.push(`${method} ${path}`);
  }
  for (const more of [{ group: script }, { tags: [script] }, { client_id: script }])
    await hub.report("evil", healthy(0, more)).catch((refused) => assert.match(refused.message, /400/));
  console.log(`the hub took scripts by ${taken.join(", ")}`);
  for (const path of ["/mutes/evil", "/maintenance", "/comments", "/acknowledge"]) assert.ok(taken.some((each) => each.endsWith(path)), path);
  const seen = await staysText(page);
  for (const hash of ["#/incidents/evil/1", "#/settings/alerts"]) assert.ok(seen.includes(hash), hash);
  await close();
});

// What the page reads as more than text; all else may be anything.
const understood = /^(.*_?at|from|to|until|since|created|expires|.*_time|.*deadline|time|started|state|role|type|kind|severity|code|by|level|csrf|source|states|on|next|action|path|trigger|unit|zone|client_id)$/;

/** The same answer with a script for every other text. */
function hostile(value, name = "") {
  if (typeof value === "string") return understood.test(name) ? value : script;
  if (Array.isArray(value)) return value.map((each) => hostile(each, name));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, hostile(each, key)]));
  return value;
}

test("names, tags and groups that no hub would take stay text, too", async () => {
  const { page, close } = await open();
  for (const [path, body] of [
    ["/keys", { name: "k", clients: ["evil"], read: true }],
    ["/users", { name: "victor", role: "viewer", password }],
    ["/enrolments", { client_id: "new", group: "builders" }],
    ["/tokens", { name: "t", scopes: ["read"] }],
  ])
    assert.equal(await send(page, "POST", path, body), 201, path);
  assert.equal(await send(page, "PUT", "/rules/leaks", { name: "leaks", on: "state", states: ["danger"], clients: ["evil"], groups: ["builders"] }), 200);
  const lists = "keys|users|enrolments|tokens|rules|maintenance|mutes|audit|logs|channels|incidents|hub|clients|reliability";
  await page.route(new RegExp(`/api/v1/(${lists})(/|\\?|$)`), async (route) => {
    if (route.request().method() !== "GET") return route.continue();
    const answer = await route.fetch();
    return answer.ok() ? route.fulfill({ response: answer, json: hostile(await answer.json()) }) : route.fulfill({ response: answer });
  });
  await page.routeWebSocket("**/api/v1/live", (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => socket.send(JSON.stringify(hostile(JSON.parse(message)))));
  });
  const seen = await staysText(page);
  for (const hash of ["#/", "#/clients/evil", ...settings]) assert.ok(seen.includes(hash), `${hash} shows what was put in: ${seen}`);
  await close();
});
