// The page: live channel -> fleet -> document.

import { Fleet } from "./fleet.js";
import { Live } from "./live.js";
import { element, light, nameNodes, Row } from "./rows.js";
import { ago, changeText, codeText, states } from "./words.js";

const byId = (id) => document.getElementById(id);

const fleet = new Fleet();
const rows = new Map();
let lastLive = null;
let drawing = false;
let drawnTotals = "";

function drawTotals(now) {
  const totals = { clients: fleet.clients.size, ...fleet.totals(now) };
  if (JSON.stringify(totals) === drawnTotals) return;
  drawnTotals = JSON.stringify(totals);
  const items = Object.entries(totals).map(([name, count]) => {
    const item = element("li", "card");
    item.dataset.state = count > 0 ? name : "none";
    item.append(element("span", "count", String(count)), element("span", "name", states[name]?.word ?? codeText(name)));
    return item;
  });
  byId("totals").replaceChildren(...items);
}

function drawRows() {
  for (const [id, row] of rows) {
    if (fleet.clients.has(id)) continue;
    row.node.remove();
    rows.delete(id);
  }
  const body = byId("clients");
  fleet.sorted().forEach((client, place) => {
    if (!rows.has(client.client_id)) rows.set(client.client_id, new Row());
    const row = rows.get(client.client_id);
    if (row.client !== client) row.show(client);
    // Moving a row that stands right would take focus and selection away.
    if (body.children[place] !== row.node) body.insertBefore(row.node, body.children[place] ?? null);
  });
}

function drawChanges() {
  byId("no-changes").hidden = fleet.changes.length > 0;
  const list = byId("changes");
  const known = new Set([...list.children].map((node) => node.change));
  const fresh = fleet.changes.filter((change) => !known.has(change));
  for (const change of fresh.reverse()) {
    const item = element("li");
    item.change = change;
    item.dataset.state = change.to;
    item.append(element("time", "", ""), " ", ...nameNodes("strong", change.client_id), " ", changeText(change));
    item.querySelector("time").dateTime = change.at;
    list.prepend(item);
  }
  while (list.children.length > fleet.changes.length) list.lastElementChild.remove();
}

function tick() {
  const now = Date.now();
  const hubTime = fleet.hubTime(now);
  drawTotals(now);
  for (const row of rows.values()) row.tick(hubTime, fleet.isOverdue(row.client, now));
  for (const item of byId("changes").children) item.querySelector("time").textContent = ago(hubTime - Date.parse(item.change.at));
  if (document.body.dataset.live === "no" && lastLive !== null) {
    byId("connection-text").textContent = `Not live: reconnecting… (last heard ${ago(now - lastLive)})`;
  }
}

function draw() {
  drawing = false;
  const none = fleet.clients.size === 0;
  byId("empty").hidden = !none || lastLive === null;
  byId("fleet").hidden = none;
  drawRows();
  drawChanges();
  tick();
}

/** Many messages of one moment are drawn once. A timer, not an animation frame: those stop while the page is in the background. */
function drawSoon() {
  if (drawing) return;
  drawing = true;
  setTimeout(draw, 50);
}

function showLive(live) {
  document.body.dataset.live = live ? "yes" : "no";
  byId("stale").hidden = live || lastLive === null;
  byId("connection-text").textContent = live ? "Live" : "Not live: reconnecting…";
  document.title = live ? "VPN Sentinel" : "(not live) VPN Sentinel";
  if (live) draw();
}

function drawLegend() {
  for (const [state, text] of Object.entries(states)) {
    const term = element("dt");
    term.append(light(text, state));
    byId("legend").append(term, element("dd", "", text.meaning));
  }
}

async function showAbout() {
  const hub = await (await fetch("/hub.json")).json();
  byId("about").textContent = `VPN Sentinel ${hub.version}`;
  if (hub.api_port === 0) {
    byId("command").textContent = "# the API of this hub is switched off (VPN_SENTINEL_SERVER_API_PORT=0): no probe can report";
    return;
  }
  const host = location.hostname;
  byId("command").textContent = `export VPN_SENTINEL_API_KEY=…   # the hub's key, if it has one\n`
    + `vpn-sentinel-probe run --url ${hub.api_tls ? "https" : "http"}://${host}:${hub.api_port} --netns name:vpn --client-id my-vpn`;
}

drawLegend();
showAbout().catch(() => {});  // without it the page lacks its version and the example command, nothing else

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const live = new Live(`${scheme}//${location.host}/api/v1/live`, {
  message(message) {
    fleet.take(message, Date.now());
    lastLive = Date.now();
    if (message.type !== "heartbeat") drawSoon();
  },
  live: () => showLive(true),
  lost: () => showLive(false),
});
setInterval(() => {
  live.check();
  tick();
}, 1000);
