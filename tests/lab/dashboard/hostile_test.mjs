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
  const opened = await openPage(browser, hub.page, { expected: /40[01349]|WebSocket connection/ });
  await field(opened.page, "User").fill("anna");
  await field(opened.page, "Password").fill(password);
  await field(opened.page, "Password").press("Enter");
  await isLive(opened.page);
  return opened;
}

/** In the name of who is logged in: the status of the answer, and which field is refused. */
const send = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const { csrf } = await (await fetch("/api/v1/session")).json();
      const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
      const answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
      const { message = "" } = await answer.json();
      return answer.ok ? String(answer.status) : `${answer.status} ${message.split(/:| = /)[0]}`;
    },
    [method, path, body],
  );

const overview = ["#/", "#/clients/evil", "#/clients/group%3Abuilders", "#/incidents", "#/incidents/evil/1", "#/reliability", "#/wall"];
const settings = ["hub", "alerts", "keys", "users", "tokens", "log", "audit"].map((part) => `#/settings/${part}`);

/** Each page is opened anew, with all that it hides. */
async function staysText(page, pages = [...overview, ...settings]) {
  const seen = [];
  for (const hash of pages) {
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
    ["PUT", "/mutes/evil", { reason: script }, "200"],
    ["PUT", `/mutes/${encodeURIComponent(script)}`, {}, "400 subject"],
    ["POST", "/maintenance", { name: script, clients: ["evil"], from: soon(0), to: soon(60), reason: script }, "201"],
    ["POST", "/maintenance", { name: "n", clients: [script], from: soon(0), to: soon(60) }, "400 clients"],
    ["POST", "/incidents/1/comments", { text: script }, "201"],
    ["POST", "/incidents/1/acknowledge", { note: script }, "200"],
    ["POST", "/tokens", { name: script, scopes: ["read"], password }, "201"],
    ["POST", "/keys", { name: script, clients: ["evil"], read: false }, "400 name"],
    ["POST", "/keys", { name: "k", clients: [script], read: false }, "400 clients"],
    ["POST", "/users", { name: script, role: "viewer", password }, "400 name"],
    ["POST", "/enrolments", { client_id: script, group: "" }, "400 client_id"],
    ["POST", "/enrolments", { client_id: "new", group: script }, "400 group"],
    ["PUT", `/rules/${encodeURIComponent(script)}`, { ...rule, name: script }, "400 name"],
    ["PUT", "/rules/leaks", { ...rule, clients: [script], groups: [script] }, "200"],
    ["PUT", "/rules/leaks", { ...rule, quiet_hours: script }, "400 quiet_hours"],
  ];
  for (const [method, path, body, answer] of wishes) assert.equal(await send(page, method, path, body), answer, `${method} ${path}`);
  for (const more of [{ group: script }, { tags: [script] }, { client_id: script }])
    await hub.report("evil", healthy(0, more)).catch((refused) => assert.match(refused.message, /400/));
  const seen = await staysText(page);
  for (const hash of ["#/incidents/evil/1", "#/settings/alerts"]) assert.ok(seen.includes(hash), hash);
  await close();
});

// What the page reads as more than text; all else may be anything.
const understood = /^((.*_)?at|from|to|until|since|created|expires|.*_time|.*deadline|time|started|state|role|type|kind|severity|code|level|csrf|source|states|on|next|action|trigger|unit|zone)$/;

/** The same answer with a script for every other text; `kept`: one more name that is left alone. */
function hostile(value, kept, name = "") {
  if (typeof value === "string") return understood.test(name) || name === kept ? value : script;
  if (Array.isArray(value)) return value.map((each) => hostile(each, kept, name));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, hostile(each, kept, key)]));
  return value;
}

test("names, tags and groups that no hub would take stay text, too", async () => {
  const { page, close } = await open();
  for (const [path, body] of [
    ["/keys", { name: "k", clients: ["evil"], read: true }],
    ["/users", { name: "victor", role: "viewer", password }],
    ["/enrolments", { client_id: "new", group: "builders" }],
    ["/tokens", { name: "t", scopes: ["read"], password }],
  ])
    assert.equal(await send(page, "POST", path, body), "201", path);
  assert.equal(await send(page, "PUT", "/rules/leaks", { name: "leaks", on: "state", states: ["danger"], clients: ["evil"], groups: ["builders"] }), "200");
  // A client's page finds it by its id.
  let kept = null;
  const lists = "keys|users|enrolments|tokens|rules|maintenance|mutes|audit|logs|channels|incidents|hub|clients|reliability";
  await page.route(new RegExp(`/api/v1/(${lists})(/|\\?|$)`), async (route) => {
    if (route.request().method() !== "GET") return route.continue();
    const answer = await route.fetch();
    return answer.ok() ? route.fulfill({ response: answer, json: hostile(await answer.json(), kept) }) : route.fulfill({ response: answer });
  });
  await page.routeWebSocket("**/api/v1/live", (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => socket.send(JSON.stringify(hostile(JSON.parse(message), kept))));
  });
  const seen = await staysText(page);
  for (const hash of ["#/", ...settings]) assert.ok(seen.includes(hash), `${hash} shows what was put in: ${seen}`);
  kept = "client_id";
  await page.goto(`${hub.page}#/clients/evil`);
  await page.reload();
  await page.getByText("<script>").first().waitFor();
  await staysText(page, ["#/clients/evil"]);
  await close();
});
